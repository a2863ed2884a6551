// Where texts of a plot stand, so that they hide neither marks nor each other.

const LETTER = 7, LINE = 14;  // about as wide and as high as a letter of the plots is
const FARTHER = 2;  // pixels that a text rather hides than to stand in the next place

class Places {
  // A place is a box of left, top, right and bottom.
  constructor(box) {
    this.box = box;
    this.taken = [];
  }

  take(left, top, right, bottom) {
    this.taken.push([left, top, right, bottom]);
  }

  // The best of some places for a text, each x, y of its base line, and whether it ends there; it is taken then.
  best(text, candidates) {
    const boxes = candidates.map(([x, y, ends]) => {
      const length = LETTER * text.length;
      return ends ? [x - length, y - LINE + 3, x, y + 3] : [x, y - LINE + 3, x + length, y + 3];
    });
    const hidden = boxes.map((box, place) => this._hidden(box) + FARTHER * place);
    const chosen = hidden.indexOf(Math.min(...hidden));
    this.take(...boxes[chosen]);
    return candidates[chosen];
  }

  // How much of what is there a box hides, in pixels; what is cut by the edge of the plot counts tenfold.
  _hidden(box) {
    const shared = (a, b) => Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0])) * Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
    const { left, top, right, bottom } = this.box, area = (box[2] - box[0]) * (box[3] - box[1]);
    const outside = area - shared(box, [left, top, right, bottom]);
    return this.taken.reduce((sum, one) => sum + shared(box, one), 10 * outside);
  }
}

// Around a mark, the nearest places first; the last ones are lines away, and are to be joined to it.
function around(x, y, gap) {
  const found = [];
  for (const down of [gap + 8, -gap, gap + 22, -gap - 14, 4, gap + 36, gap + 50, gap + 64, gap + 78]) {
    for (const ends of [false, true]) found.push([x + (ends ? -gap : gap), y + down, ends]);
  }
  return found;
}
