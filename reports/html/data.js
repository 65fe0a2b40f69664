// The data of the report: an object is [number of its keys' set, value…], a
// list [0, item…], and [-n] the n-th shared value.
const packed = JSON.parse(document.getElementById("report-data").textContent);
const keyPlaces = packed.shapes.map((keys) => new Map(keys.map((key, i) => [key, i + 1])));
const data = packed.value;

function resolve(value) {
  while (Array.isArray(value) && value.length === 1 && value[0] < 0) value = packed.shared[-value[0] - 1];
  return value;
}

// get is a field of a packed object, which may be packed itself.
function get(object, key) {
  object = resolve(object);
  if (!object) return undefined;
  const place = keyPlaces[object[0] - 1].get(key);
  return place === undefined ? undefined : resolve(object[place]);
}

// items are those of a packed list, each packed.
function items(list) {
  list = resolve(list);
  return list ? list.slice(1) : [];
}

// unpack is a value as the JSON report has it. Objects have no prototype: a key
// is nothing but a key.
function unpack(value) {
  value = resolve(value);
  if (!Array.isArray(value)) return value;
  if (value[0] === 0) return value.slice(1).map(unpack);
  const object = Object.create(null);
  packed.shapes[value[0] - 1].forEach((key, i) => { object[key] = unpack(value[i + 1]); });
  return object;
}

const report = get(data, "report");
const names = { a: get(get(report, "a"), "name"), b: get(get(report, "b"), "name") };

// follows stands for a digest, or a path made of it, that is written already.
const follows = "\\";

function unpackEntry(value) {
  const entry = unpack(value);
  if (entry && entry.payload === follows) entry.payload = entry.digest.slice(0, 2) + "/" + entry.digest.slice(2);
  return entry;
}

// A Difference keeps its data packed until somebody looks at it.
class Difference {
  constructor(value) {
    this.value = value;
    this.path = get(value, "path");
    this.status = get(value, "status");
    this.search = this.path.toLowerCase();
    this.parts = [];
  }

  get a() { return this.unpacked().a; }
  get b() { return this.unpacked().b; }
  get changes() { return this.unpacked().changes; }

  unpacked() {
    if (this.entries) return this.entries;
    const a = unpackEntry(get(this.value, "a"));
    const b = unpackEntry(get(this.value, "b"));
    const content = (entry) => (entry.digest.length === 64 ? "sha256:" : "sha512:") + entry.digest;
    const changes = items(get(this.value, "changes")).map(unpack);
    for (const c of changes) {
      if (c.field === "content" && c.a === follows) c.a = content(a);
      if (c.field === "content" && c.b === follows) c.b = content(b);
    }
    this.entries = { a, b, changes };
    return this.entries;
  }
}

// changeKey names what changed: a field, or an xattr.
function changeKey(change) {
  return change.xattr === undefined ? change.field : "xattr " + change.xattr;
}

const layerTexts = new Map();
for (const side of ["a", "b"]) {
  for (const layer of items(get(get(report, side), "layers")).map(unpack)) {
    const digest = layer.name || (layer.digest || layer.diffID || "").slice(0, "sha256:".length + 12);
    layerTexts.set(side + layer.index, { side, index: layer.index, text: digest ? `layer ${layer.index} (${digest})` : `layer ${layer.index}` });
  }
}
const bothHaveLayers = ["a", "b"].every((side) => items(get(get(report, side), "layers")).length > 0);

// layerText names a layer by its key, which is its side and index.
function layerText(key) {
  const layer = layerTexts.get(key);
  if (!layer) return key === "-" ? "no layer" : "layer " + key.slice(1);
  return bothHaveLayers ? `${names[layer.side]}, ${layer.text}` : layer.text;
}

const acceptedChanges = new Map();
for (const rule of items(get(get(report, "gate"), "accepted"))) {
  for (const entry of items(get(rule, "entries"))) {
    const key = get(entry, "cause") + " " + get(entry, "path");
    const changes = items(get(entry, "changes")).map((c) => changeKey(unpack(c)));
    acceptedChanges.set(key, (acceptedChanges.get(key) || []).concat(changes));
  }
}

const ignoredCauses = new Set(items(get(get(report, "gate"), "ignored")).map(unpack));

// acceptance is how much of a part the gate accepted: "all", "part" or "none".
function acceptance(part) {
  const changes = acceptedChanges.get(part.cause + " " + part.difference.path);
  if (!changes) return "none";
  return part.changes.every((c) => changes.includes(changeKey(c))) ? "all" : "part";
}

// model is what one view shows: differences, findings, and as parts what a
// finding says of a difference; gated is the view of what the gate judged.
function model(differences, findings, sources, gated) {
  const all = items(differences).map((value) => new Difference(value));
  const byPath = new Map(all.map((d) => [d.path, d]));
  const changesOf = new Map();
  const unpackChanges = (list) => {
    list = resolve(list);
    if (!list) return [];
    if (!changesOf.has(list)) changesOf.set(list, items(list).map(unpack));
    return changesOf.get(list);
  };
  const parts = [];
  items(findings).forEach((finding, number) => {
    const cause = get(finding, "cause");
    items(get(finding, "entries")).forEach((entry, i) => {
      const source = get(entry, "source");
      const side = sources[number][i];
      const part = {
        finding: number, cause, difference: byPath.get(get(entry, "path")), changes: unpackChanges(get(entry, "changes")),
        source, layer: source ? (side === "-" ? "b" : side) + get(source, "layer") : "-",
      };
      part.accepted = acceptance(part);
      if (gated && part.accepted === "none" && ignoredCauses.has(cause)) part.accepted = "ignored";
      part.difference.parts.push(part);
      parts.push(part);
    });
  });
  return { differences: all, byPath, parts, causes: items(findings).map((f) => get(f, "cause")) };
}
