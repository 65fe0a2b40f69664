const entriesFirst = 10;
const entriesStep = 200;

// partRow is an entry in the list of a finding: a button that shows all of it.
function partRow(part) {
  const d = part.difference;
  const button = element("button", { type: "button", class: "entry", "aria-expanded": "false" }, element("code", { class: "path" }, d.path));
  const row = element("li", {}, button, part.accepted === "none" ? null : acceptedBadge(part), partSummary(part));
  button.addEventListener("click", () => {
    const open = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!open));
    if (open) row.querySelector(".entry-view").remove();
    else row.append(entryView(d, 5));
  });
  return row;
}

// partSummary shows what differs, side by side.
function partSummary(part) {
  const d = part.difference;
  const summary = element("div", { class: "summary" });
  if (d.status !== "changed") {
    const side = d.status === "only-in-a" ? "a" : "b";
    summary.append(element("p", {}, element("span", { class: "badge " + d.status }, statusTexts[d.status]), " ", entryText(d[side])));
  }
  const keys = part.changes.map(changeKey);
  for (const change of part.changes) {
    // The time of a changed second has its fraction.
    if (change.field === "mtime-nsec" && keys.includes("mtime")) continue;
    const full = fullChange(d, change);
    summary.append(element("p", { class: "change" }, element("span", { class: "field" }, changeKey(change)),
      element("span", { class: "side-a" }, shorten(changeText(full, "a", d), 60)), element("span", { class: "arrow", "aria-label": "and" }, "→"),
      element("span", { class: "side-b" }, shorten(changeText(full, "b", d), 60))));
  }
  if (part.source) {
    const text = sameSource(part) ? "from " : "because of ";
    summary.append(element("p", { class: "quiet" }, text, element("span", { class: "path" }, shorten(sourceText(part), 200))));
  }
  return summary;
}

// showFindings lists what fits of each finding.
function showFindings(root, parts) {
  const byFinding = new Map();
  for (const part of parts) {
    if (!byFinding.has(part.finding)) byFinding.set(part.finding, []);
    byFinding.get(part.finding).push(part);
  }
  for (const article of root.querySelectorAll(".finding")) {
    const all = byFinding.get(Number(article.dataset.finding));
    article.hidden = !all;
    if (!all) continue;
    const countNode = article.querySelector(".count");
    if (!article.dataset.count) article.dataset.count = countNode.textContent;
    const total = article.dataset.count;
    const text = count(all.length, "entry", "entries");
    countNode.textContent = text.replaceAll(",", "") === total ? text : `${number(all.length)} of ${total}`;
    const list = element("ul", { class: "entry-list" });
    article.querySelector(".entries").replaceChildren(list, pages(list, all, partRow, entriesFirst, entriesStep));
  }
  root.querySelector(".none").hidden = parts.length > 0;
}

// showTimeline draws a bar for each layer that parts come from, lowest first,
// and a button for each of its causes.
function showTimeline(root, parts, filter, choose) {
  const none = () => ({ differences: new Set(), causes: new Map() });
  const layers = new Map([...layerTexts.keys(), "-"].map((key) => [key, none()]));
  for (const part of parts) {
    if (!layers.has(part.layer)) layers.set(part.layer, none());
    const { differences, causes } = layers.get(part.layer);
    differences.add(part.difference);
    causes.set(part.cause, (causes.get(part.cause) || 0) + 1);
  }
  const most = Math.max(1, ...[...layers.values()].map((layer) => layer.differences.size));
  const rows = [];
  for (const [key, { differences, causes }] of layers) {
    const n = differences.size;
    if (key === "-" && n === 0) continue;
    const text = key === "-" ? "in no layer" : layerText(key);
    const bar = element("span", { class: "bar", "aria-hidden": "true" });
    bar.style.setProperty("--share", String(n / most));
    const pressed = filter.layer === key;
    rows.push(element("li", { class: n === 0 ? "empty" : undefined },
      element("button", {
        type: "button", class: "layer", "aria-pressed": String(pressed), "data-layer": key, disabled: n === 0 && !pressed,
        on: { click: () => choose({ layer: pressed ? "" : key, cause: "" }) },
      }, element("span", { class: "layer-name" }, text), bar, element("span", { class: "layer-count" }, count(n, "entry", "entries"))),
      element("div", { class: "chips" }, ...[...causes].map(([cause, m]) => element("button", {
        type: "button", class: "chip", "aria-pressed": String(pressed && filter.cause === cause), "aria-label": `${cause}: ${count(m, "entry", "entries")} of ${text}`,
        on: { click: () => choose(pressed && filter.cause === cause ? { layer: "", cause: "" } : { layer: key, cause }) },
      }, cause, " ", element("b", {}, number(m)))))));
  }
  root.querySelector(".timeline ol").replaceChildren(...rows);
}
