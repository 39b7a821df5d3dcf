// From what a reader types to a point: `test 123`, or `123` counted over all parts; else a sentence on what to type.

const places = new Uint32Array(points.count);
points.index.forEach((index, point) => (places[index] = point));

const spoken = (number) => number.toLocaleString("en");

/** `{ point }`, or `{ trouble }` with a sentence. */
function find(query) {
  const typed = query.trim();
  const digits = typed.match(/\d[\d,]*$/);
  const last = nameOf(places[points.count - 1]);
  if (!digits) return { trouble: `“${typed}” is no index; type a number, such as ${last}.` };
  const index = Number(digits[0].replaceAll(",", ""));
  const name = typed.slice(0, digits.index).replace(/[\s#:-]+$/, "");
  return name === "" ? within("index", 0, points.count, index) : inPart(name, index);
}

function inPart(name, index) {
  const part = page.parts.findIndex(([known]) => known.toLowerCase().startsWith(name.toLowerCase()));
  const names = page.parts.map(([known]) => known).join(" and ");
  if (part < 0) return { trouble: `There is no part “${name}”; there is ${names}.` };
  const before = page.parts.slice(0, part).reduce((sum, [, n]) => sum + n, 0);
  const [known, n] = page.parts[part];
  return within(known, before, n, index);
}

function within(name, before, n, index) {
  if (index < n) return { point: places[before + index] };
  return { trouble: `There is no ${name} ${spoken(index)}; ${name} goes from 0 to ${spoken(n - 1)}.` };
}
