// From a query to a point: `test 123`, or `123` as an index over all splits; else an error message.

const pointOf = new Uint32Array(points.count);
points.index.forEach((index, point) => (pointOf[index] = point));

const formatNumber = (number) => number.toLocaleString("en");

/** `{ point }` or `{ error }`. */
function find(query) {
  const typed = query.trim();
  const digits = typed.match(/\d[\d,]*$/);
  const last = nameOf(pointOf[points.count - 1]);
  if (!digits) return { error: `“${typed}” is not an index. Type a number, such as ${last}.` };
  const index = Number(digits[0].replaceAll(",", ""));
  const name = typed.slice(0, digits.index).replace(/[\s#:-]+$/, "");
  return name === "" ? within("index", 0, points.count, index) : inSplit(name, index);
}

function inSplit(name, index) {
  const split = page.splits.findIndex(([known]) => known.toLowerCase().startsWith(name.toLowerCase()));
  const names = page.splits.map(([known]) => known).join(", ");
  if (split < 0) return { error: `There is no split “${name}”. Splits: ${names}.` };
  const before = page.splits.slice(0, split).reduce((sum, [, n]) => sum + n, 0);
  const [known, n] = page.splits[split];
  return within(known, before, n, index);
}

function within(name, before, n, index) {
  if (index < n) return { point: pointOf[before + index] };
  return { error: `There is no ${name} ${formatNumber(index)}: ${name} has 0 to ${formatNumber(n - 1)}.` };
}
