"""Release: publish a run as a pretrained folder, write its model card, export its rollout."""
