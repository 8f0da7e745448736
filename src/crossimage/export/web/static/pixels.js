// Images as values in [-1, 1] and back, and random numbers with a seed.

// The smallest side that the network takes and that holds an image's side.
export function side(length, facts) {
  const least = Math.max(length, facts.smallest);
  return Math.ceil(least / facts.multiple) * facts.multiple;
}

// The position in a side of what lies beyond it: mirrored, or its end where too little is there.
function within(position, length, mirrors) {
  if (!mirrors) return Math.min(length - 1, Math.max(0, position));
  const period = 2 * (length - 1);
  const along = ((position % period) + period) % period;
  return along < length ? along : period - along;
}

export function toValues(image, channels, height, width, top, left) {
  const values = new Float32Array(channels * height * width);
  const mirrors = height - image.height - top < image.height && width - image.width - left < image.width;
  for (let y = 0; y < height; y++) {
    const row = within(y - top, image.height, mirrors) * image.width;
    for (let x = 0; x < width; x++) {
      const from = 4 * (row + within(x - left, image.width, mirrors));
      const to = y * width + x;
      const [r, g, b] = [image.data[from], image.data[from + 1], image.data[from + 2]];
      if (channels === 1) {
        values[to] = (0.299 * r + 0.587 * g + 0.114 * b) / 127.5 - 1;
      } else {
        values[to] = r / 127.5 - 1;
        values[to + height * width] = g / 127.5 - 1;
        values[to + 2 * height * width] = b / 127.5 - 1;
      }
    }
  }
  return values;
}

export function toImage(made, channels, top, left, height, width) {
  const image = new ImageData(width, height);
  const plane = made.height * made.width;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (y + top) * made.width + x + left;
      const to = 4 * (y * width + x);
      for (let c = 0; c < 3; c++) {
        const value = made.values[from + (channels === 1 ? 0 : c * plane)];
        image.data[to + c] = Math.round((Math.min(1, Math.max(-1, value)) + 1) * 127.5);
      }
      image.data[to + 3] = 255;
    }
  }
  return image;
}

// Standard normal numbers: a 32-bit generator (mulberry32), and Box and Muller's transformation.
export function normal(seed, count) {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 4294967296;
  };
  return Float32Array.from({ length: count }, () =>
    Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()));
}
