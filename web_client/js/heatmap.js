/** Of what the network sees of a picture's shorter side: it is resized to 256, then cropped to 224. */
export const CROP_SHARE = 224 / 256;

const SIDE = 112; // pixels of the drawn map; the browser stretches it smoothly
/** Steps of viridis (by Stéfan van der Walt and Nathaniel Smith, CC0): as clear to the colour-blind. */
const COLOURS = [
  [68, 1, 84],
  [59, 82, 139],
  [33, 145, 140],
  [94, 201, 98],
  [253, 231, 37],
];

/** Draw a map, rows of numbers from 0 to 1, over the whole canvas. */
export function drawHeatmap(canvas, map) {
  canvas.width = SIDE;
  canvas.height = SIDE;
  const context = canvas.getContext("2d");
  const image = context.createImageData(SIDE, SIDE);
  for (const [index, value] of upsampled(map, SIDE).entries()) {
    const [red, green, blue] = colour(value);
    // Where nothing spoke for the class the picture stays visible.
    image.data.set([red, green, blue, 255 * (0.2 + 0.8 * value)], 4 * index);
  }
  context.putImageData(image, 0, 0);
}

/** float [side * side] in 0..1: cubic between the centres of the cells (Keys 1981, a = -3/4). */
export function upsampled(map, side) {
  const count = map.length;
  const weights = Array.from({ length: side }, (_, pixel) => {
    const position = ((pixel + 0.5) * count) / side - 0.5;
    const first = Math.floor(position) - 1;
    return [0, 1, 2, 3].map((step) => ({
      cell: Math.min(count - 1, Math.max(0, first + step)), // beyond the edge, as at the edge
      weight: cubic(Math.abs(position - first - step)),
    }));
  });
  const blend = (row, values) =>
    row.reduce((sum, { cell, weight }) => sum + weight * values(cell), 0);
  const across = map.map((cells) => weights.map((row) => blend(row, (cell) => cells[cell])));
  return Float32Array.from({ length: side * side }, (_, index) => {
    const [y, x] = [Math.floor(index / side), index % side];
    return Math.min(1, Math.max(0, blend(weights[y], (cell) => across[cell][x])));
  });
}

function cubic(distance) {
  if (distance >= 2) return 0;
  if (distance >= 1) return ((-0.75 * distance + 3.75) * distance - 6) * distance + 3;
  return (1.25 * distance - 2.25) * distance * distance + 1;
}

/** The colour of a value from 0 to 1, as [red, green, blue]. */
export function colour(value) {
  const position = value * (COLOURS.length - 1);
  const index = Math.min(COLOURS.length - 2, Math.floor(position));
  return COLOURS[index].map((from, channel) => {
    const to = COLOURS[index + 1][channel];
    return Math.round(from + (to - from) * (position - index));
  });
}

/** Where the map is strongest, as a word of strings.js: "top_left" to "bottom_right"; null: nowhere. */
export function whereabouts(map) {
  const values = map.flat();
  const greatest = Math.max(...values);
  if (greatest === 0) return null;
  const index = values.indexOf(greatest);
  const third = (cell) => Math.floor((3 * (cell + 0.5)) / map.length);
  const [row, column] = [third(Math.floor(index / map.length)), third(index % map.length)];
  return `${["top", "middle", "bottom"][row]}_${["left", "centre", "right"][column]}`;
}
