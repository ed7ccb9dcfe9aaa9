"""cape models."""


def models() -> None:
    """List the surrogates that come with the package, for cape.load(NAME)."""
    from cape.locate import shipped
    from cape.pretrained import summary

    for name, folder in shipped().items():
        print(f"{name:<16}{summary(folder)}")
    if not shipped():
        print("no surrogate comes with this version of the package")
