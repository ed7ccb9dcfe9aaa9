"""A case in plain PyTorch, ready to be timed."""

import torch
from speed import contender
from speed.cases import Case


class Theirs:
    """One case in the published form. `train()` applies one update, and `rollout()` predicts one batch."""

    def __init__(self, case: Case, threads: int):
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        self.case = case
        self.model = contender.build(
            case.base, case.cape, case.channels, case.parameters, case.resolution, case.size, case.origin
        )
        u, p = (torch.from_numpy(a) for a in case.data())
        self.frames, self.p = u.movedim(-1, 2).contiguous(), p
        self.optimiser = torch.optim.Adam(self.model.parameters(), 3e-3, weight_decay=1e-4)

    def train(self) -> None:
        self.model.train()
        contender.train_step(self.model, self.optimiser, self.frames, self.p, self.case.autoregressive)

    def rollout(self) -> None:
        self.model.eval()
        contender.rollout(self.model, self.frames[:, 0], self.p, self.case.steps)
