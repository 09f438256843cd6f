// SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
// SPDX-License-Identifier: GPL-3.0-or-later
// The table, the picture and the panels of fleet.html. Every text becomes a text node, never markup.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const pool = data.pool;
  const $ = (id) => document.getElementById(id);
  const PAGE = 50;

  // In the order of _row in as_html.py.
  function unpack(raw) {
    const name = raw[0];
    const cn = raw[1] === 0 ? name : raw[1];
    const shared = pool[raw[2]];
    const times = pool[raw[5]];
    const sheet = pool[raw[9][0]];
    const seen = pool[raw[10]];
    const filled = (text) => text.split("\u0001").join(cn).split("\u0002").join(name);
    return {
      name, cn, site: shared[0], groups: shared[1], state: shared[2], issuer: shared[3] || "", issuerSubject: shared[4] || "",
      chain: shared[5], chainEnd: shared[6], serial: raw[3] || "", fingerprint: raw[4] || "", notBefore: times[0], notAfter: times[1],
      dueOn: times[2], due: times[3], expired: times[4], daysLeft: times[5], bits: times[6], sans: raw[6] === 0 ? [cn] : raw[6],
      subject: filled(pool[raw[7]]), findings: raw[8].map((number) => pool[number]), needed: sheet[0], since: sheet[1],
      passphrase: sheet[2], crlCheck: sheet[3], validation: sheet[4], why: sheet[5],
      certificateName: raw[9][1] === 0 ? cn + "-" + (times[0] || "").slice(0, 10) : raw[9][1] || "",
      files: pool[raw[9][2][0]].map((entry, index) => {
        const hash = raw[9][2][index + 1];
        return { field: entry[0], path: filled(entry[1]), hash: typeof hash === "number" ? pool[hash] : hash };
      }),
      live: seen[0], liveSeen: seen[1], confirmed: seen[2], crl: seen[3], request: seen[4],
      history: raw[11].map(([number, serial]) => {
        const [time, event, actor, reason] = pool[number];
        return { time, event, actor, reason, serial: serial === 0 ? raw[3] || "" : serial === 1 ? "" : serial };
      }),
    };
  }

  const rows = data.rows.map(unpack);
  for (const row of rows) {
    row.errors = row.findings.filter((finding) => finding.severity === "error").length;
    row.warnings = row.findings.filter((finding) => finding.severity === "warning").length;
    row.text = [row.name, row.cn, row.serial, row.fingerprint, ...row.sans].join("\n").toLowerCase();
  }

  function element(tag, attributes, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name === "click") made.addEventListener("click", value);
      else if (value !== null && value !== undefined) made.setAttribute(name, value);
    }
    for (const child of children) made.append(child);
    return made;
  }
  const day = (moment) => (moment ? moment.slice(0, 10) : "");
  const mark = (kind, sign, text) => element("span", { class: "mark " + kind }, sign + " " + text);

  function stateMark(row) {
    if (row.expired) return mark("bad", "✗", "expired");
    if (row.state === "missing") return mark("bad", "✗", "missing");
    if (row.state === "orphaned") return mark("attention", "!", "orphaned");
    if (row.state === "pending") return mark("attention", "…", "pending");
    return row.due ? mark("attention", "!", "due") : mark("good", "✓", "staged");
  }
  function consoleMark(row) {
    if (row.live === "matches") return mark("good", "✓", "presents it");
    if (!row.live) return mark("attention", "?", "not looked at");
    return mark("bad", "✗", row.live);
  }
  function findingMark(row) {
    if (row.errors) return mark("bad", "✗", row.errors + (row.errors === 1 ? " error" : " errors"));
    if (row.warnings) return mark("warning", "!", row.warnings + (row.warnings === 1 ? " warning" : " warnings"));
    return mark("good", "✓", "none");
  }

  const columns = [
    { title: "Sensor", key: (row) => row.name.toLowerCase(), cell: (row) => element("button", { type: "button", class: "link", click: () => open(row) }, row.name) },
    { title: "Site", key: (row) => row.site.toLowerCase(), cell: (row) => row.site },
    { title: "Issuer", key: (row) => row.issuer.toLowerCase(), cell: (row) => row.issuer },
    { title: "State", key: (row) => (row.expired ? "a" : row.state), cell: stateMark },
    { title: "Due on", kind: "date", key: (row) => row.dueOn || "9", cell: (row) => day(row.dueOn) },
    { title: "Ends", key: (row) => row.notAfter || "9", cell: (row) => element("span", null, element("span", { class: "date" }, day(row.notAfter)), row.daysLeft === null ? "" : " (" + row.daysLeft + " days)") },
    { title: "Upload", key: (row) => (row.needed ? row.since || "0" : "9"), cell: (row) => (row.needed ? mark("attention", "↑", row.since ? "since " + day(row.since) : "needed") : row.state === "staged" ? "done" : "") },
    { title: "Console", key: (row) => row.live || "", cell: consoleMark },
    { title: "Findings", key: (row) => String(999999 - row.errors * 1000 - row.warnings).padStart(6, "0"), cell: findingMark },
  ];

  let sorted = { column: 0, down: false };
  let page = 0;
  let shown = rows;

  const filters = {
    search: $("search"), site: $("f-site"), issuer: $("f-issuer"), state: $("f-state"), todo: $("f-todo"), finding: $("f-finding"),
  };
  const todos = {
    upload: (row) => row.needed, due: (row) => row.due, expired: (row) => row.expired,
    soon: (row) => row.daysLeft !== null && row.daysLeft <= 30, unseen: (row) => row.state === "staged" && !row.confirmed,
  };

  function choices(select, values) {
    for (const value of [...new Set(values)].filter((one) => one !== "").sort()) select.append(element("option", { value }, value));
  }
  choices(filters.site, rows.flatMap((row) => row.groups.concat(row.site)));
  choices($("time-site"), rows.map((row) => row.site));
  choices(filters.issuer, rows.map((row) => row.issuer));
  choices(filters.state, rows.map((row) => row.state));
  choices(filters.finding, rows.flatMap((row) => row.findings.map((finding) => finding.id)));

  function fits(row) {
    const words = filters.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.every((word) => row.text.includes(word))) return false;
    if (filters.site.value && row.site !== filters.site.value && !row.groups.includes(filters.site.value)) return false;
    if (filters.issuer.value && row.issuer !== filters.issuer.value) return false;
    if (filters.state.value && row.state !== filters.state.value) return false;
    if (filters.todo.value && !todos[filters.todo.value](row)) return false;
    const finding = filters.finding.value;
    if (finding === "error" || finding === "warning") return row[finding + "s"] > 0;
    return !finding || row.findings.some((one) => one.id === finding);
  }

  function update() {
    const key = columns[sorted.column].key;
    const keyed = rows.filter(fits).map((row) => [key(row), row]);
    keyed.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : a[1].name < b[1].name ? -1 : 1));
    if (sorted.down) keyed.reverse();
    shown = keyed.map((pair) => pair[1]);
    page = Math.min(page, Math.max(0, Math.ceil(shown.length / PAGE) - 1));
    draw(shown.slice(page * PAGE, (page + 1) * PAGE));
    const last = Math.max(1, Math.ceil(shown.length / PAGE));
    $("count").textContent = shown.length + " of " + rows.length + (rows.length === 1 ? " sensor" : " sensors");
    $("page").textContent = "Page " + (page + 1) + " of " + last;
    $("previous").disabled = page === 0;
    $("next").disabled = page >= last - 1;
    headings.forEach((heading, index) => heading.setAttribute("aria-sort", index !== sorted.column ? "none" : sorted.down ? "descending" : "ascending"));
    headings.forEach((heading, index) => { heading.querySelector("span").textContent = index !== sorted.column ? "" : sorted.down ? " ▼" : " ▲"; });
  }
  function draw(some) {
    const body = document.createDocumentFragment();
    for (const row of some) {
      const line = element("tr");
      columns.forEach((column, index) => line.append(element(index ? "td" : "th", index ? { class: column.kind } : { scope: "row" }, column.cell(row))));
      body.append(line);
    }
    if (!some.length) body.append(element("tr", null, element("td", { colspan: columns.length }, "No sensor fits.")));
    $("table").tBodies[0].replaceChildren(body);
  }

  const headings = columns.map((column, index) => {
    const sort = () => {
      sorted = { column: index, down: sorted.column === index ? !sorted.down : false };
      page = 0;
      update();
    };
    const heading = element("th", { scope: "col", "aria-sort": "none" }, element("button", { type: "button", click: sort }, column.title, element("span", { "aria-hidden": "true" })));
    $("table").tHead.rows[0].append(heading);
    return heading;
  });
  for (const filter of Object.values(filters)) filter.addEventListener("input", () => { page = 0; update(); });
  $("reset").addEventListener("click", () => {
    for (const filter of Object.values(filters)) filter.value = "";
    page = 0;
    update();
  });
  $("previous").addEventListener("click", () => { page -= 1; update(); });
  $("next").addEventListener("click", () => { page += 1; update(); });
  // On paper there are no pages to turn.
  addEventListener("beforeprint", () => draw(shown));
  addEventListener("afterprint", update);

  // What is to be uploaded, the first of it; the table has the rest.
  const uploads = $("uploads");
  if (uploads) {
    const waiting = rows.filter((row) => row.needed);
    const list = element("ul");
    for (const row of waiting.slice(0, 20)) {
      list.append(element("li", null, element("button", { type: "button", class: "link", click: () => open(row) }, row.name), (row.site ? ", " + row.site : "") + (row.since ? ", since " + day(row.since) : "")));
    }
    if (waiting.length > 20) list.append(element("li", null, "and " + (waiting.length - 20) + " more"));
    uploads.append(list);
    $("show-uploads").addEventListener("click", () => {
      for (const filter of Object.values(filters)) filter.value = "";
      filters.todo.value = "upload";
      page = 0;
      update();
      $("sensors").scrollIntoView();
      filters.search.focus({ preventScroll: true });
    });
  }

  // The picture: two marks for each month, told apart by shape and place as well as by colour.
  function shape(name, attributes, ...children) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    for (const child of children) made.append(child);
    return made;
  }
  function picture() {
    const site = $("time-site").value;
    const first = data.months[0] || "";
    const counts = new Map(data.months.map((month) => [month, { due: 0, ends: 0 }]));
    for (const row of rows) {
      if (row.state !== "staged" || (site && row.site !== site)) continue;
      for (const [key, moment] of [["due", row.dueOn], ["ends", row.notAfter]]) {
        const month = moment && (moment.slice(0, 7) > first ? moment.slice(0, 7) : first);
        if (month && counts.has(month)) counts.get(month)[key] += 1;
      }
    }
    const months = [...counts.entries()];
    const wide = 56, high = 170, bottom = 24, left = 8;
    const most = Math.max(1, ...months.flatMap(([, count]) => [count.due, count.ends]));
    const total = (key) => months.reduce((sum, [, count]) => sum + count[key], 0);
    const label = "Months ahead" + (site ? " of " + site : "") + ": " + total("due") + " come due, " + total("ends") + " end";
    const width = Math.max(months.length * wide + 2 * left, 320);
    const drawing = shape("svg", { viewBox: "0 0 " + width + " " + (high + bottom), width, height: high + bottom, role: "img", "aria-label": label });
    drawing.append(shape("line", { x1: 0, y1: high, x2: width, y2: high }));
    months.forEach(([month, count], index) => {
      const x = left + index * wide;
      for (const [key, shift] of [["due", 4], ["ends", 29]]) {
        if (!count[key]) continue;
        const tall = Math.max(4, ((high - 26) * count[key]) / most);
        const title = shape("title", {}, month + ": " + count[key] + (key === "due" ? " come due" : " end"));
        drawing.append(shape("rect", { class: key, x: x + shift, y: high - tall, width: 20, height: tall, rx: key === "ends" ? 10 : 0 }, title));
        drawing.append(shape("text", { x: x + shift + 10, y: high - tall - 4, "text-anchor": "middle" }, count[key] > 999 ? Math.round(count[key] / 100) / 10 + "k" : String(count[key])));
      }
      if (index === 0 || /-(01|04|07|10)$/.test(month)) {
        drawing.append(shape("text", { x: x + 2, y: high + 16 }, month));
      }
    });
    const scroll = element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Picture of the months ahead" });
    scroll.append(drawing);
    $("timeline").replaceChildren(scroll);
  }
  $("time-site").addEventListener("input", picture);

  // One sensor's panel.
  const panel = $("panel");
  function list(pairs) {
    const made = element("dl");
    for (const [term, value, mono] of pairs) {
      if (value === null || value === undefined || value === "") continue;
      made.append(element("dt", null, term), element("dd", mono ? { class: "mono" } : null, value));
    }
    return made;
  }
  function steps(row) {
    const asked = { true: "enter the key's passphrase", false: "leave it empty", null: "enter it if the key has one" };
    const made = element("ol", { class: "steps" });
    const add = (...parts) => made.append(element("li", null, ...parts));
    add("Open https://" + row.cn + " and go to System settings > Basic > SSL/TLS certificate.");
    add("Certificate name: ", element("code", null, row.certificateName));
    add("Passphrase: " + asked[String(row.passphrase)]);
    for (const file of row.files) add(file.field + ": ", element("code", null, file.path), " (SHA-256 ", element("code", null, file.hash || "not readable here"), ")");
    add("Use CRL (Certificate Revocation List) to check certificate status: " + (row.crlCheck ? "tick it" : "leave it empty: the certificate names no CRL"));
    add("Validation: " + row.validation + " (" + row.why + ")");
    add("Afterwards the browser shows " + row.cn + " with the SHA-256 fingerprint ", element("code", null, row.fingerprint), "; the playbook check_live sees the same, and takes the sensor off the list.");
    return made;
  }
  function open(row) {
    $("panel-title").textContent = row.name;
    const body = $("panel-body");
    body.replaceChildren(
      list([
        ["State", stateMark(row)], ["Upload", row.needed ? mark("attention", "↑", "needed" + (row.since ? " since " + day(row.since) : "")) : row.state === "staged" ? mark("good", "✓", "done") : ""],
        ["Console", consoleMark(row)], ["Last looked at", row.liveSeen], ["Seen with this certificate", row.confirmed],
        ["Groups", row.groups.join(", ")], ["Waits for an answer", row.request ? "of " + row.request.issuer + ", since " + row.request.since : ""],
      ]),
      element("h3", null, "Certificate"),
      list([
        ["Common name", row.cn], ["Alternative names", row.sans.join(", ")], ["Subject", row.subject], ["Issuer", row.issuer],
        ["Issued by", row.issuerSubject], ["Valid", row.notBefore ? row.notBefore + " to " + row.notAfter : ""], ["Days left", row.daysLeft === null ? "" : String(row.daysLeft)],
        ["Due on", row.dueOn], ["Key", row.bits ? row.bits + " bits" : ""], ["Serial number", row.serial, true], ["SHA-256", row.fingerprint, true],
        ["Chain", row.chain.join(" ← ") + (row.chainEnd ? " (ends " + day(row.chainEnd) + ")" : "")],
        ["CRL", row.crl.state + (row.crl.url ? ", " + row.crl.url : "") + (row.crl.seen ? ", as of " + row.crl.seen : "")],
      ]),
      element("h3", null, "Findings"),
    );
    if (!row.findings.length) body.append(element("p", null, "None."));
    for (const finding of row.findings) {
      const kind = finding.severity === "error" ? "bad" : finding.severity;
      const block = element("div", { class: "finding " + finding.severity }, mark(kind, finding.severity === "error" ? "✗" : finding.severity === "warning" ? "!" : "i", finding.severity + " " + finding.id), element("p", null, finding.message));
      if (finding.hint) block.append(element("p", null, "What to do: " + finding.hint));
      if (finding.upload_error) block.append(element("p", null, "The sensor would say: \u201c" + finding.upload_error + "\u201d"));
      if (finding.source) block.append(element("p", { class: "dim" }, finding.source));
      body.append(block);
    }
    if (row.fingerprint && row.state !== "orphaned") body.append(element("h3", null, "Upload sheet"), steps(row));
    body.append(element("h3", null, "History"));
    const lines = element("tbody");
    for (const event of row.history) {
      lines.append(element("tr", null, element("td", null, event.time), element("td", null, event.event), element("td", null, event.reason), element("td", null, event.actor), element("td", { class: "mono" }, event.serial)));
    }
    if (!row.history.length) lines.append(element("tr", null, element("td", { colspan: "5" }, "Nothing is recorded.")));
    const head = element("thead", null, element("tr", null, ...["Time", "Event", "Reason", "By", "Serial number"].map((title) => element("th", { scope: "col" }, title))));
    body.append(element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "History" }, element("table", null, head, lines)));
    document.body.classList.add("panel");
    panel.showModal();
    panel.scrollTop = 0;
  }
  $("panel-close").addEventListener("click", () => panel.close());
  $("panel-print").addEventListener("click", () => print());
  panel.addEventListener("close", () => document.body.classList.remove("panel"));
  panel.addEventListener("click", (event) => { if (event.target === panel) panel.close(); });

  update();
  picture();
})();
