"""The published models and training step in plain PyTorch, written from their description.

Fields are [batch, channel, *space], as is usual in PyTorch. The modules have the names of ours, so that weights can be
transferred by name (see agreement.py).
"""

import itertools

import torch
from torch import nn
from torch.nn import functional as F

CONVOLUTION = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
NORMALISATION = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
AVERAGE = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
MAXIMUM = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}


class Spectral(nn.Module):
    """Multiply the lowest Fourier modes by learnt complex weights, one block for each corner of the spectrum."""

    def __init__(self, inputs: int, outputs: int, modes: int, dimension: int):
        super().__init__()
        self.modes = modes
        shape = (inputs, outputs, *(modes,) * dimension)
        low, high = slice(modes), slice(-modes, None)
        self.corners = [(*corner, low) for corner in itertools.product((low, high), repeat=dimension - 1)]
        self.blocks = nn.ParameterList(
            nn.Parameter(torch.rand(shape, dtype=torch.cfloat) / (inputs * outputs)) for _ in self.corners
        )

    def forward(self, u: torch.Tensor) -> torch.Tensor:
        axes = tuple(range(2, u.ndim))
        z = torch.fft.rfftn(u, dim=axes)
        y = z.new_zeros(u.shape[0], self.blocks[0].shape[1], *z.shape[2:])
        for corner, block in zip(self.corners, self.blocks, strict=True):
            where = (slice(None), slice(None), *corner)
            y[where] = torch.einsum("bi...,io...->bo...", z[where], block)
        return torch.fft.irfftn(y, s=u.shape[2:], dim=axes)


class FNO(nn.Module):
    """The published FNO: coordinates as further channels, 2 points of padding, four layers."""

    def __init__(self, inputs: int, outputs: int, dimension: int, *, width: int, modes: int, origin: float):
        super().__init__()
        self.origin = origin
        self.lift = nn.Linear(inputs + dimension, width)
        self.spectral = nn.ModuleList(Spectral(width, width, modes, dimension) for _ in range(4))
        self.pointwise = nn.ModuleList(CONVOLUTION[dimension](width, width, 1) for _ in range(4))
        self.project = nn.Linear(width, 128)
        self.out = nn.Linear(128, outputs)

    def forward(self, u: torch.Tensor) -> torch.Tensor:
        space = u.shape[2:]
        axes = [self.origin + torch.arange(n) / n for n in space]
        grid = torch.stack(torch.meshgrid(*axes, indexing="ij")).expand(u.shape[0], -1, *space)
        h = self.lift(torch.cat([u, grid], 1).movedim(1, -1)).movedim(-1, 1)
        h = F.pad(h, (0, 2) * len(space))
        for i, (spectral, pointwise) in enumerate(zip(self.spectral, self.pointwise, strict=True)):
            h = spectral(h) + pointwise(h)
            h = F.gelu(h) if i < 3 else h
        h = h[(..., *(slice(n) for n in space))]
        return self.out(F.gelu(self.project(h.movedim(1, -1)))).movedim(-1, 1)


class Block(nn.Module):
    """Two times [3-wide convolution, batch normalisation, tanh]."""

    def __init__(self, inputs: int, outputs: int, dimension: int):
        super().__init__()
        convolution, norm = CONVOLUTION[dimension], NORMALISATION[dimension]
        self.convolution1 = convolution(inputs, outputs, 3, padding=1, bias=False)
        self.norm1 = norm(outputs)
        self.convolution2 = convolution(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = norm(outputs)

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        h = torch.tanh(self.norm1(self.convolution1(h)))
        return torch.tanh(self.norm2(self.convolution2(h)))


class UNet(nn.Module):
    """The published U-Net: four times down by max-pooling and up by transposed convolutions."""

    def __init__(self, inputs: int, outputs: int, dimension: int, *, features: int):
        super().__init__()
        self.dimension = dimension
        widths = [features * 2**level for level in range(5)]
        pairs = zip((inputs, *widths), widths[:-1], strict=False)
        self.encoders = nn.ModuleList(Block(a, b, dimension) for a, b in pairs)
        self.bottleneck = Block(widths[-2], widths[-1], dimension)
        up = list(reversed(widths[:-1]))
        self.doublings = nn.ModuleList(TRANSPOSED[dimension](2 * w, w, 2, stride=2) for w in up)
        self.decoders = nn.ModuleList(Block(2 * w, w, dimension) for w in up)
        self.out = CONVOLUTION[dimension](features, outputs, 1)

    def forward(self, u: torch.Tensor) -> torch.Tensor:
        h, skips = u, []
        for encoder in self.encoders:
            h = encoder(h)
            skips.append(h)
            h = MAXIMUM[self.dimension](h, 2)
        h = self.bottleneck(h)
        for doubling, decoder in zip(self.doublings, self.decoders, strict=True):
            h = decoder(torch.cat([doubling(h), skips.pop()], 1))
        return self.out(h)


class CAPEBlock(nn.Module):
    """The published CAPE block: three branches, each scaled by an attention vector of the parameters."""

    def __init__(self, parameters: int, channels: int, resolution: tuple[int, ...], widening: int = 64):
        super().__init__()
        self.dimension = len(resolution)
        convolution, half = CONVOLUTION[self.dimension], widening // 2
        self.first = convolution(channels, half, 5, padding=2, bias=False)
        self.attention = nn.ModuleList(
            nn.ModuleList([nn.Linear(parameters, half), nn.Linear(half, widening)]) for _ in range(3)
        )
        self.spectral = Spectral(half, widening, 16 if self.dimension == 1 else 9, self.dimension)
        self.pointwise = convolution(half, widening, 1)
        self.depthwise = convolution(half, widening, 5, padding=2, groups=half, bias=False)
        self.unattended = convolution(half, widening, 1)
        self.last = convolution(widening, channels, 1)
        self.norm_weight = nn.Parameter(torch.ones(resolution))
        self.norm_bias = nn.Parameter(torch.zeros(resolution))

    def forward(self, u: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
        p = p if self.dimension == 1 else torch.sigmoid(torch.log(p))
        vectors = (second(F.gelu(first(p))) for first, second in self.attention)
        spectral, pointwise, depthwise = (a.reshape(*a.shape, *(1,) * self.dimension) for a in vectors)
        y = F.gelu(self.first(u))
        z = F.interpolate(self.spectral(AVERAGE[self.dimension](y, 4)), scale_factor=4) * spectral
        z = z + self.pointwise(y) * pointwise + self.depthwise(y) * depthwise + self.unattended(y)
        r = F.layer_norm(self.last(F.gelu(z)), self.norm_weight.shape, self.norm_weight, self.norm_bias)
        return u + r if self.dimension == 1 else u * (1 + r)


class Conditioned(nn.Module):
    """Return u(t + dt) = mix(base(concat(u, u'))) and the first guess u' of a CAPE block; without a block, base(u)."""

    def __init__(self, base: nn.Module, block: nn.Module | None, mix: nn.Module | None):
        super().__init__()
        self.base, self.block, self.mix = base, block, mix

    def forward(self, u: torch.Tensor, p: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        if self.block is None:
            return self.base(u), None
        guess = self.block(u, p)
        return self.mix(self.base(torch.cat([u, guess], 1))), guess


def build(
    base: str,
    cape: bool,
    channels: int,
    parameters: int,
    resolution: tuple[int, ...],
    size: int,
    origin: float,
) -> Conditioned:
    """Build a published model: `base` "fno" or "unet" of width or features `size`, with a CAPE block or without."""
    dimension, wide = len(resolution), 2 * channels if cape else channels
    if base == "fno":
        solver: nn.Module = FNO(wide, wide, dimension, width=size, modes=12, origin=origin)
    else:
        solver = UNet(wide, wide, dimension, features=size)
    if not cape:
        return Conditioned(solver, None, None)
    mix = CONVOLUTION[dimension](wide, channels, 1)
    return Conditioned(solver, CAPEBlock(parameters, channels, resolution), mix)


def relative_l2(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Compute the mean over the batch of ‖prediction − target‖₂ / ‖target‖₂."""
    difference = (prediction - target).flatten(1).norm(dim=1)
    return (difference / target.flatten(1).norm(dim=1)).mean()


def trajectory_loss(
    model: Conditioned,
    frames: torch.Tensor,
    p: torch.Tensor,
    autoregressive: int,
    *,
    noise: float = 1e-3,
    auxiliary: float = 5.7e-5,
) -> torch.Tensor:
    """Sum the losses of all steps of trajectories [batch, time, channel, *space], one step after the other.

    The input at step t is the prediction if 1 <= t < autoregressive, else the true frame, with noise and without
    gradient. The running sum of the auxiliary loss is added at every step but the last, as in the published code.
    """
    last = frames.shape[1] - 2
    u, total, running = frames[:, 0], frames.new_zeros(()), frames.new_zeros(())
    for t in range(last + 1):
        u = u if 1 <= t < autoregressive else frames[:, t]
        u = u.detach() + noise * torch.randn_like(u) if noise else u.detach()
        u, guess = model(u, p)
        total = total + relative_l2(u, frames[:, t + 1])
        if guess is not None and t < last:
            running = running + relative_l2(guess, frames[:, t + 1])
            total = total + auxiliary * running
    return total


def train_step(model: Conditioned, optimiser: torch.optim.Optimizer, frames, p, autoregressive: int) -> float:
    """Apply one update; return the loss."""
    optimiser.zero_grad()
    loss = trajectory_loss(model, frames, p, autoregressive)
    loss.backward()
    optimiser.step()
    return loss.item()


@torch.no_grad()
def rollout(model: Conditioned, u: torch.Tensor, p: torch.Tensor, steps: int) -> torch.Tensor:
    """Predict `steps` frames after u: [batch, steps, channel, *space]."""
    frames = []
    for _ in range(steps):
        u, _ = model(u, p)
        frames.append(u)
    return torch.stack(frames, 1)
