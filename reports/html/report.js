// A View is a list of differences with its filter, findings, layers and trees.
class View {
  constructor(root, shown) {
    this.root = root;
    this.model = shown;
    this.form = root.querySelector(".filters");
    this.output = this.form.querySelector("output");
    this.form.hidden = false;
    root.querySelector(".timeline").hidden = layerTexts.size === 0;
    root.querySelector(".trees").hidden = false;
    this.choices();
    this.tree = new Tree(root, shown.differences);
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.addEventListener("input", () => {
      clearTimeout(this.waiting);
      this.waiting = setTimeout(() => this.update(), 120);
    });
    this.form.addEventListener("reset", () => setTimeout(() => this.update(), 0));
    const all = root.querySelector(".show-all");
    if (all) {
      all.addEventListener("change", () => {
        this.tree.showAll(all.checked);
        const cut = root.querySelector(".cut");
        if (cut) cut.hidden = !all.checked;
      });
    }
    this.update();
  }

  // choices fills the lists of the filter with what there is.
  choices() {
    const { parts, causes } = this.model;
    const counts = (keysOf) => {
      const found = new Map();
      for (const part of parts) for (const key of keysOf(part)) found.set(key, (found.get(key) || 0) + 1);
      return found;
    };
    const fill = (name, keys, found, text) => {
      const options = keys.filter((key) => found.has(key)).map((key) => element("option", { value: key }, `${text(key)} (${number(found.get(key))})`));
      this.form.elements[name].replaceChildren(element("option", { value: "" }, "any"), ...options);
    };
    fill("cause", causes, counts((p) => [p.cause]), (cause) => cause);
    fill("layer", [...layerTexts.keys(), "-"], counts((p) => [p.layer]), layerText);
    const fields = counts((p) => (p.changes.length > 0 ? new Set(p.changes.flatMap((c) => (c.xattr === undefined ? [c.field] : ["xattr", changeKey(c)]))) : ["-"]));
    fill("field", [...fields.keys()].sort(), fields, (field) => (field === "-" ? "the whole entry" : field === "xattr" ? "any xattr" : field));
    fill("side", Object.keys(statusTexts), counts((p) => [p.difference.status]), (status) => statusTexts[status]);
    fill("gate", Object.keys(gateTexts), counts((p) => [p.accepted]), (key) => gateTexts[key]);
    this.form.querySelector(".gate").hidden = acceptedChanges.size + ignoredCauses.size === 0;
  }

  filter() {
    const value = (name) => this.form.elements[name].value;
    return { text: value("text").toLowerCase(), cause: value("cause"), layer: value("layer"), field: value("field"), side: value("side"), gate: value("gate") };
  }

  update() {
    const filter = this.filter();
    const fits = (part) => (!filter.cause || part.cause === filter.cause) && (!filter.side || part.difference.status === filter.side) &&
      (!filter.gate || part.accepted === filter.gate) && (!filter.text || part.difference.search.includes(filter.text)) &&
      (!filter.field || fieldFits(part, filter.field));
    const anyLayer = this.model.parts.filter(fits);
    const shown = filter.layer ? anyLayer.filter((part) => part.layer === filter.layer) : anyLayer;
    const total = this.model.differences.length;
    const n = new Set(shown.map((part) => part.difference)).size;
    this.output.textContent = n === total ? count(n, "entry", "entries") : `${number(n)} of ${count(total, "entry", "entries")}`;
    this.root.classList.toggle("filtered", n !== total);
    showFindings(this.root, shown);
    showTimeline(this.root, anyLayer, filter, (choice) => this.choose(choice));
    this.tree.show(shown);
  }

  // choose sets parts of the filter, and keeps the focus on the button that did.
  choose(choice) {
    const buttons = () => [...this.root.querySelectorAll(".timeline button")];
    const label = document.activeElement.getAttribute("aria-label") || document.activeElement.textContent;
    for (const [name, value] of Object.entries(choice)) this.form.elements[name].value = value;
    this.update();
    const again = buttons().find((button) => (button.getAttribute("aria-label") || button.textContent) === label);
    if (again) again.focus();
  }
}

function fieldFits(part, field) {
  if (field === "-") return part.changes.length === 0;
  return part.changes.some((c) => c.field === field || changeKey(c) === field);
}

function showViews() {
  const views = [["main", report, get(data, "sources")], ["masked", get(report, "masked"), get(data, "maskedSources")]];
  for (const [key, from, sources] of views) {
    const root = document.getElementById("view-" + key);
    if (root) new View(root, model(get(from, "differences"), get(from, "findings"), items(sources).map(resolve), key === "main"));
  }
}

// showAccepted lists the entries that each rule of the gate accepted.
function showAccepted() {
  const list = document.getElementById("accepted");
  if (!list) return;
  items(get(get(report, "gate"), "accepted")).forEach((rule, i) => {
    const entries = element("ul", { class: "plain" });
    const row = (value) => {
      const entry = unpack(value);
      const changes = (entry.changes || []).map(changeKey).join(", ");
      return element("li", {}, element("code", {}, entry.cause), " ", element("code", { class: "path" }, entry.path), changes ? ": " + changes : null);
    };
    const more = pages(entries, items(get(rule, "entries")), row, entriesFirst, entriesStep);
    list.children[i].append(element("details", {}, element("summary", {}, "Entries"), entries, more));
  });
}

// showOtherRules lists what the layer rules that were not used do otherwise.
function showOtherRules() {
  for (const root of document.querySelectorAll(".other")) {
    const side = root.dataset.side;
    const other = get(get(report, side), "otherRules");
    const events = element("ul", { class: "plain" });
    const eventRow = (value) => {
      const e = unpack(value);
      const place = [e.layer ? layerText(side + e.layer) : null, e.entry ? `entry ${e.entry}` : null].filter((text) => text).join(", ");
      return element("li", {}, place, place && e.path ? ", " : null, element("code", { class: "path" }, e.path), ": ", element("bdi", {}, e.effect));
    };
    root.querySelector(".events").append(events, pages(events, items(get(other, "events")), eventRow, entriesFirst, entriesStep));
    const target = root.querySelector(".other-differences");
    if (!target) continue;
    const sideNames = { a: names[side], b: "by " + get(other, "rules") };
    const list = element("ul", { class: "entry-list" });
    const row = (value) => otherRow(new Difference(value), sideNames);
    target.append(list, pages(list, items(get(other, "differences")), row, entriesFirst, entriesStep));
  }
}

function otherRow(difference, sideNames) {
  const words = { "changed": difference.changes.map(changeKey).join(", "), "only-in-a": "only " + sideNames.a, "only-in-b": "only " + sideNames.b };
  const button = element("button", { type: "button", class: "entry", "aria-expanded": "false" }, element("code", { class: "path" }, difference.path));
  const row = element("li", {}, button, " ", element("span", { class: "quiet" }, words[difference.status]));
  button.addEventListener("click", () => {
    const open = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!open));
    if (open) row.querySelector(".entry-view").remove();
    else row.append(entryView(difference, 4, sideNames));
  });
  return row;
}

function showTheme() {
  const button = document.getElementById("theme");
  const themes = ["system", "light", "dark"];
  const stored = () => { try { return localStorage.getItem("cfsverify-theme"); } catch { return null; } };
  let theme = themes.includes(stored()) ? stored() : "system";
  const apply = () => {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.textContent = "Theme: " + theme;
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    try { localStorage.setItem("cfsverify-theme", theme); } catch { /* it holds for this page then */ }
    apply();
  });
  apply();
}

showTheme();
for (const code of document.querySelectorAll("[data-copy]")) code.after(copyButton(() => code.textContent, code.dataset.what || "the digest"));
showViews();
showAccepted();
showOtherRules();
document.documentElement.dataset.ready = "";
