// The attributes of an entry, each with the fields of changes that are about it.
const attributes = [
  ["type", ["type"], (e) => e.type],
  ["mode", ["mode"], (e) => e.mode],
  ["uid", ["uid"], (e) => e.uid],
  ["gid", ["gid"], (e) => e.gid],
  ["mtime", ["mtime", "mtime-nsec"], (e) => timeText(e.mtime.sec, e.mtime.nsec)],
  ["nlink", ["nlink"], (e) => e.nlink],
  ["size", ["size"], (e) => e.size],
  ["content in the image", ["content", "storage"], (e) => e.inline === undefined ? undefined : bytesText(e.inline)],
  ["fs-verity digest", ["content", "storage"], (e) => e.digest],
  ["path in the store", ["payload"], (e) => e.payload],
  ["target", ["target"], (e) => e.target],
  ["device number", ["rdev"], (e) => e.rdev && `${e.rdev.major}:${e.rdev.minor}`],
];

// entryView shows all there is to know of a difference. The headings begin at a
// level.
function entryView(difference, level, sideNames) {
  const { a, b } = difference;
  const heading = (n, text) => element("h" + n, {}, text);
  const view = element("div", { class: "entry-view" },
    element("p", { class: "entry-path" }, element("code", { class: "path" }, difference.path), copyButton(() => difference.path, "the path")),
    element("p", {}, element("span", { class: "badge " + difference.status }, statusTexts[difference.status])));
  if (difference.parts.length > 0) view.append(partList(difference));
  view.append(heading(level, "Attributes"), attributeTable(difference, sideNames || names));
  for (const [side, entry] of [["a", a], ["b", b]]) {
    if (!entry || !entry.origin) continue;
    view.append(heading(level, `Where ${(sideNames || names)[side]} has it from`), originView(entry.origin, side));
  }
  for (const part of difference.parts) {
    if (!part.source || sameSource(part)) continue;
    view.append(heading(level, `Where ${part.cause} comes from`), originView(unpack(part.source), part.layer[0]));
  }
  return view;
}

// partList says which cause explains what.
function partList(difference) {
  return element("ul", { class: "parts" }, ...difference.parts.map((part) => element("li", {},
    element("code", {}, part.cause),
    part.changes.length > 0 ? " explains " + part.changes.map(changeKey).join(", ") : " explains it",
    acceptedBadge(part))));
}

const gateTexts = { none: "not accepted", ignored: "ignored", part: "partly accepted", all: "accepted" };

function acceptedBadge(part) {
  if (part.accepted === "none") return null;
  return element("span", { class: "badge accepted" }, gateTexts[part.accepted]);
}

function attributeTable(difference, sideNames) {
  const { a, b, changes } = difference;
  const changed = new Set(changes.map(changeKey));
  const rows = [];
  const add = (name, differs, valueA, valueB) => {
    if (valueA === undefined && valueB === undefined) return;
    const cell = (value, side) => element("td", { class: "side-" + side + (value === undefined ? " absent" : "") }, value === undefined ? "–" : String(value));
    const mark = differs ? element("span", { class: "mark", title: "differs" }, "≠", element("span", { class: "hidden" }, " differs")) : null;
    rows.push(element("tr", { class: differs ? "differs" : undefined }, element("th", { scope: "row" }, name, mark), cell(valueA, "a"), cell(valueB, "b")));
  };
  for (const [name, fields, value] of attributes) {
    const valueA = a ? value(a) : undefined;
    const valueB = b ? value(b) : undefined;
    add(name, fields.some((f) => changed.has(f)) && valueA !== valueB, valueA, valueB);
  }
  const xattrs = new Map();
  for (const [side, entry] of [["a", a], ["b", b]]) {
    for (const x of (entry && entry.xattrs) || []) xattrs.set(x.name, { ...xattrs.get(x.name), [side]: bytesText(x.value) });
  }
  for (const name of [...xattrs.keys()].sort()) add("xattr " + name, changed.has("xattr " + name), xattrs.get(name).a, xattrs.get(name).b);
  for (const c of changes) {
    if (c.field === "hardlinks" || c.field === "storage") add(c.field, true, changeText(c, "a", difference), changeText(c, "b", difference));
  }
  return element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Attributes of both sides" },
    element("table", { class: "attributes" },
      element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "attribute"),
        ...["a", "b"].map((side) => element("th", { scope: "col", class: "side-" + side }, sideNames[side] + (difference[side] ? "" : " (absent)"))))),
      element("tbody", {}, ...rows)));
}

function definitions(pairs) {
  const list = element("dl", { class: "facts" });
  for (const [name, value] of pairs) {
    if (value !== undefined) list.append(element("dt", {}, name), element("dd", {}, element("code", { class: "path" }, String(value))));
  }
  return list;
}

// originView shows a tar entry with its header as it stands in the layer.
function originView(origin, side) {
  const view = element("div", { class: "origin" }, element("p", {}, originText(origin, side)));
  const h = origin.header;
  if (!h) return view;
  const list = definitions([
    ["name", h.name], ["linkname", h.linkname], ["typeflag", h.typeflag], ["mode", h.mode], ["uid", h.uid], ["gid", h.gid], ["size", h.size],
    ["mtime", timeText(h.mtime.sec, h.mtime.nsec)], ["offset", `${h.offset} bytes into the uncompressed layer`],
  ]);
  const records = definitions(Object.keys(h.pax || {}).sort().map((key) => [key, bytesText(h.pax[key])]));
  view.append(element("details", { open: true }, element("summary", {}, "tar header"), list,
    h.pax ? element("p", { class: "quiet" }, "PAX records") : null, h.pax ? records : null));
  return view;
}
