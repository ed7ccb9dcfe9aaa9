// Colour maps as tables of 256 colours: viridis for values, blue to white to orange for signed ones.

const VIRIDIS = [
  [68, 1, 84], [72, 26, 108], [71, 47, 125], [65, 68, 135], [57, 86, 140], [49, 104, 142], [42, 120, 142], [35, 136, 142],
  [31, 152, 139], [34, 168, 132], [53, 183, 121], [84, 197, 104], [122, 209, 81], [165, 219, 54], [210, 226, 27], [253, 231, 37],
];
const SIGNED = [[5, 60, 115], [33, 113, 181], [107, 174, 214], [198, 219, 239], [247, 247, 247], [253, 208, 162], [253, 141, 60], [217, 72, 1], [127, 39, 4]];
const NOT_FINITE = [150, 150, 150];

function colourTable(stops) {
  return Array.from({ length: 256 }, (_, i) => {
    const place = (i / 255) * (stops.length - 1);
    const below = Math.min(Math.floor(place), stops.length - 2);
    return stops[below].map((start, part) => Math.round(start + (place - below) * (stops[below + 1][part] - start)));
  });
}

const COLOURS = { values: colourTable(VIRIDIS), signed: colourTable(SIGNED) };

// Choose limits and colours: symmetric about zero for values of both signs.
function colourScale(low, high, signed = low < -0.1 * high && high > -0.1 * low) {
  if (signed) {
    const most = Math.max(-low, high) || 1e-12;
    return { low: -most, high: most, table: COLOURS.signed };
  }
  return { low, high: high > low ? high : low + 1e-12, table: COLOURS.values };
}
