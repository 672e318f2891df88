// What is drawn on a trace canvas, read from its pixels.

// Topmost drawn pixel of each column, in CSS pixels from the top of its row, or null for a blank column. The rows follow
// each other as the sweep reads them.
export function columnTops(page, strip = "ecg") {
  return page.evaluate((name) => {
    const canvas = document.querySelector(`.strip.${name} .trace`);
    const { width, height } = canvas;
    const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
    const pitch = Number(canvas.dataset.rowPx);
    const tops = [];
    for (let row = 0; row < Number(canvas.dataset.rows); row++) {
      const first = Math.ceil(row * pitch);
      const end = Math.min(height, Math.floor((row + 1) * pitch));
      for (let x = 0; x < width; x++) {
        let y = first;
        while (y < end && data[4 * (y * width + x) + 3] < 128) y++;
        tops.push(y < end ? y - first : null);
      }
    }
    return tops;
  }, strip);
}

// Columns of the R peaks: highest point of each stretch in the upper half of the drawn range.
export function peakColumns(tops) {
  const drawn = tops.filter((top) => top !== null);
  const limit = (Math.min(...drawn) + Math.max(...drawn)) / 2;
  const peaks = [];
  let stretch = [];
  tops.forEach((top, x) => {
    if (top !== null && top < limit) {
      stretch.push([top, x]);
      return;
    }
    if (stretch.length > 0) {
      const best = Math.min(...stretch.map(([y]) => y));
      const columns = stretch.filter(([y]) => y === best).map(([, column]) => column);
      peaks.push(columns.reduce((sum, column) => sum + column, 0) / columns.length);
    }
    stretch = [];
  });
  return peaks;
}

export function longestBlank(tops) {
  let longest = 0;
  let run = 0;
  for (const top of tops) {
    run = top === null ? run + 1 : 0;
    longest = Math.max(longest, run);
  }
  return longest;
}
