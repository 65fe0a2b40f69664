const treeStep = 200;
const treeRowsAtFirst = 60;
const treeRowsMax = 2000;
const treeDepthMax = 40;

const kindWords = { d: "directory", f: "file", l: "symlink", c: "character device", b: "block device", p: "FIFO", s: "socket" };
const kindLetters = { "directory": "d", "file": "f", "symlink": "l", "character device": "c", "block device": "b", "FIFO": "p", "socket": "s" };

// A TreeNode is a name of either tree.
class TreeNode {
  constructor(name, parent) {
    this.name = name;
    this.parent = parent;
    this.kids = new Map();
    this.kind = "d";
    this.hits = 0; // how many differences that fit are here and below
    this.round = 0; // of the filter that hits are of
  }

  kid(name) {
    let node = this.kids.get(name);
    if (!node) {
      node = new TreeNode(name, this);
      this.kids.set(name, node);
    }
    return node;
  }
}

// treeOf makes one tree of the paths of differences.
function treeOf(differences) {
  const root = new TreeNode("/", null);
  for (const d of differences) {
    let node = root;
    for (const name of d.path.split("/")) if (name !== "") node = node.kid(name);
    node.difference = d;
    d.node = node;
    const entry = get(d.value, d.status === "only-in-b" ? "b" : "a");
    node.kind = kindLetters[get(entry, "type")] || "f";
  }
  return root;
}

// addNames puts the names that do not differ into the tree.
function addNames(node, list) {
  for (const item of list.slice(1)) {
    const text = Array.isArray(item) ? item[0] : item;
    const kid = node.kid(text.slice(1));
    if (!kid.difference) kid.kind = text[0];
    if (Array.isArray(item)) addNames(kid, item);
  }
  node.kids = new Map([...node.kids].sort((x, y) => (x[0] < y[0] ? -1 : x[0] > y[0] ? 1 : 0)));
}

// Tree is the widget: both trees side by side, by the tree view pattern of the
// ARIA Authoring Practices Guide. Rows are made when somebody opens what they
// are in.
class Tree {
  constructor(root, differences) {
    this.list = root.querySelector(".tree");
    this.note = root.querySelector(".tree-note");
    this.detail = root.querySelector(".detail");
    this.root = treeOf(differences);
    this.round = 0;
    this.all = false;
    this.rows = 0;
    this.list.addEventListener("click", (event) => this.click(event));
    this.list.addEventListener("keydown", (event) => this.key(event));
    root.querySelector(".expand").addEventListener("click", () => this.expandAll());
    root.querySelector(".collapse").addEventListener("click", () => this.draw(0));
  }

  // show draws the tree of these parts.
  show(parts) {
    this.round++;
    for (const part of parts) {
      if (part.difference.seen === this.round) continue;
      part.difference.seen = this.round;
      for (let node = part.difference.node; node; node = node.parent) {
        if (node.round !== this.round) { node.round = this.round; node.hits = 0; }
        node.hits++;
      }
    }
    this.draw(treeRowsAtFirst);
  }

  showAll(all) {
    if (all && !this.complete) {
      const text = document.getElementById("report-names").textContent;
      if (text) addNames(this.root, JSON.parse(text));
      this.complete = true;
    }
    this.all = all;
    this.draw(treeRowsAtFirst);
  }

  hits(node) { return node.round === this.round ? node.hits : 0; }

  visible(node) {
    return [...node.kids.values()].filter((kid) => this.all || this.hits(kid) > 0);
  }

  // draw starts anew and opens directories, the upper ones first, until there
  // are some rows.
  draw(rows) {
    this.items = new WeakMap();
    this.rows = 1;
    const item = this.item(this.root, 1, 1, 1);
    this.list.replaceChildren(item);
    item.tabIndex = 0;
    this.note.textContent = "";
    this.open(item);
    this.openMore(rows);
  }

  expandAll() {
    this.draw(0);
    if (this.openMore(treeRowsMax) > 0) this.note.textContent = `Only the first ${number(this.rows)} rows are open: open others one by one, or filter.`;
  }

  // openMore opens directories until there are so many rows, and gives how many
  // stayed closed.
  openMore(rows) {
    const queue = [...this.list.querySelectorAll('[aria-expanded="false"]')];
    for (let i = 0; i < queue.length; i++) {
      const node = this.items.get(queue[i]);
      const kids = Math.min(this.visible(node).length, treeStep);
      if (this.rows + kids > rows || Number(queue[i].getAttribute("aria-level")) > treeDepthMax) return queue.length - i;
      this.open(queue[i]);
      queue.push(...queue[i].lastElementChild.querySelectorAll('[aria-expanded="false"]'));
    }
    return 0;
  }

  item(node, level, size, place) {
    const hasKids = this.visible(node).length > 0;
    const item = element("li", {
      role: "treeitem", tabindex: "-1", "aria-level": String(level), "aria-setsize": String(size), "aria-posinset": String(place),
      "aria-expanded": hasKids ? "false" : undefined, "aria-label": this.label(node), "aria-selected": "false",
    }, this.row(node, level, hasKids));
    this.items.set(item, node);
    return item;
  }

  label(node) {
    const d = node.difference;
    let text = `${node.name}, ${kindWords[node.kind] || "unknown type"}`;
    if (d) {
      text += d.status === "changed" ? ", differs: " + [...new Set(d.parts.flatMap((p) => p.changes.map(changeKey)))].join(", ") : ", " + statusTexts[d.status];
    }
    const below = this.hits(node) - (d && d.seen === this.round ? 1 : 0);
    return below > 0 ? `${text}, ${count(below, "difference", "differences")} below` : text;
  }

  row(node, level, hasKids) {
    const d = node.difference;
    const cells = ["a", "b"].map((side) => this.cell(node, side, hasKids));
    const state = !d ? "same" : d.seen === this.round ? d.status : "filtered";
    const row = element("div", { class: "row " + state, title: d ? d.path : undefined }, ...cells);
    row.style.setProperty("--level", String(Math.min(level - 1, 16)));
    return row;
  }

  cell(node, side, hasKids) {
    const d = node.difference;
    if (d && d.status === (side === "a" ? "only-in-b" : "only-in-a")) {
      return element("span", { class: "cell absent side-" + side }, element("span", { class: "twisty", "aria-hidden": "true" }, hasKids ? "▸" : ""));
    }
    const below = this.hits(node) - (d && d.seen === this.round ? 1 : 0);
    const values = element("span", { class: "values" });
    if (d && d.status === "changed") {
      const entry = get(d.value, side);
      for (const text of shortValues(d, side, entry)) values.append(element("span", { class: "value" }, text));
    }
    return element("span", { class: "cell side-" + side },
      element("span", { class: "twisty", "aria-hidden": "true" }, hasKids ? "▸" : ""),
      element("span", { class: "kind kind-" + node.kind, title: kindWords[node.kind] }, node.kind === "f" ? "-" : node.kind),
      element("bdi", { class: "name" }, node.name), below > 0 ? element("span", { class: "below", title: count(below, "difference", "differences") + " below" }, number(below)) : null, values);
  }

  isOpen(item) { return item.getAttribute("aria-expanded") === "true"; }

  open(item) {
    if (item.getAttribute("aria-expanded") !== "false") return;
    const node = this.items.get(item);
    const level = Number(item.getAttribute("aria-level")) + 1;
    const group = element("ul", { role: "group" });
    item.append(group);
    item.setAttribute("aria-expanded", "true");
    this.fill(group, this.visible(node), 0, level);
  }

  fill(group, kids, from, level) {
    const end = Math.min(kids.length, from + treeStep);
    const fragment = document.createDocumentFragment();
    for (let i = from; i < end; i++) fragment.append(this.item(kids[i], level, kids.length, i + 1));
    this.rows += end - from;
    if (end < kids.length) {
      const text = `Show ${number(Math.min(treeStep, kids.length - end))} more of ${number(kids.length - end)}`;
      const more = element("li", { role: "treeitem", tabindex: "-1", class: "more-items", "aria-level": String(level), "aria-label": text }, element("div", { class: "row" }, text));
      more.style.setProperty("--level", String(Math.min(level - 1, 16)));
      more.more = () => {
        this.fill(group, kids, end, level);
        const next = more.nextElementSibling;
        more.remove();
        this.focus(next);
      };
      fragment.append(more);
    }
    group.append(fragment);
  }

  close(item) {
    if (!this.isOpen(item)) return;
    const group = item.lastElementChild;
    this.rows -= group.querySelectorAll('[role="treeitem"]').length;
    group.remove();
    item.setAttribute("aria-expanded", "false");
    if (!this.list.querySelector('[tabindex="0"]')) item.tabIndex = 0;
  }

  focus(item) {
    if (!item) return;
    const old = this.list.querySelector('[tabindex="0"]');
    if (old) old.tabIndex = -1;
    item.tabIndex = 0;
    item.focus({ preventScroll: true });
    item.firstElementChild.scrollIntoView({ block: "nearest" });
  }

  // choose shows an entry, or opens a directory that does not differ itself.
  choose(item) {
    this.focus(item);
    if (item.more) { item.more(); return; }
    const node = this.items.get(item);
    for (const old of this.list.querySelectorAll('[aria-selected="true"]')) old.setAttribute("aria-selected", "false");
    item.setAttribute("aria-selected", "true");
    if (node.difference) {
      this.detail.replaceChildren(entryView(node.difference, 4));
      return;
    }
    this.detail.replaceChildren(element("p", { class: "entry-path" }, element("code", { class: "path" }, pathOf(node))),
      element("p", { class: "quiet" }, this.hits(node) > 0 ? `Does not differ itself; ${count(this.hits(node), "difference is", "differences are")} below it.` : "Does not differ."));
  }

  toggle(item) {
    if (this.isOpen(item)) this.close(item);
    else this.open(item);
  }

  click(event) {
    const item = event.target.closest('[role="treeitem"]');
    if (!item) return;
    const node = this.items.get(item);
    if (event.target.closest(".twisty") || (node && !node.difference)) this.toggle(item);
    this.choose(item);
  }

  key(event) {
    const item = event.target.closest('[role="treeitem"]');
    if (!item || event.ctrlKey || event.altKey || event.metaKey) return;
    const rows = () => [...this.list.querySelectorAll('[role="treeitem"]')];
    const actions = {
      ArrowDown: () => this.focus(next(item, this.list)),
      ArrowUp: () => this.focus(previous(item)),
      ArrowRight: () => (this.isOpen(item) ? this.focus(item.lastElementChild.firstElementChild) : this.open(item)),
      ArrowLeft: () => (this.isOpen(item) ? this.close(item) : this.focus(item.parentElement.closest('[role="treeitem"]'))),
      Home: () => this.focus(this.list.firstElementChild),
      End: () => this.focus(rows().pop()),
      Enter: () => this.choose(item),
      " ": () => this.choose(item),
      "*": () => [...item.parentElement.children].forEach((sibling) => this.open(sibling)),
    };
    if (Object.hasOwn(actions, event.key)) {
      actions[event.key]();
      event.preventDefault();
    }
  }
}

function pathOf(node) {
  let path = "";
  for (; node.parent; node = node.parent) path = "/" + node.name + path;
  return path || "/";
}

// next is the row below a row.
function next(item, list) {
  if (item.getAttribute("aria-expanded") === "true" && item.lastElementChild.firstElementChild) return item.lastElementChild.firstElementChild;
  while (item && item !== list) {
    if (item.nextElementSibling) return item.nextElementSibling;
    item = item.parentElement.closest('[role="treeitem"]');
  }
  return null;
}

// previous is the row above a row.
function previous(item) {
  let above = item.previousElementSibling;
  if (!above) return item.parentElement.closest('[role="treeitem"]');
  while (above.getAttribute("aria-expanded") === "true" && above.lastElementChild.lastElementChild) above = above.lastElementChild.lastElementChild;
  return above;
}

// shortValues are the first attributes that differ, for a row.
function shortValues(difference, side, entry) {
  const changes = difference.changes.filter((c) => c.field !== "mtime-nsec" || !difference.changes.some((d) => d.field === "mtime"));
  const texts = changes.slice(0, 2).map((c) => {
    switch (c.field) {
      case "mode": case "type": return c[side];
      case "mtime": return "mtime " + changeText(c, side, difference).slice(0, 19).replace("T", " ");
      case "mtime-nsec": return "mtime " + changeText(c, side, difference);
      case "content": return "content " + shorten(String(c[side]).replace(/^sha\d+:/, ""), 11);
      default: return changeKey(c) + " " + shorten(changeText(c, side, difference), 24);
    }
  });
  if (changes.length > 2) texts.push("+" + (changes.length - 2));
  return texts;
}
