// Sorting, filtering and tips. The page says all it has to say without this.
"use strict";

const make = (name, properties = {}) => Object.assign(document.createElement(name), properties);

// ---- sorting: numbers by their value, text by its words, what is empty last ----

function sortBy(table, column, descending) {
    const value = (row) => {
        const cell = row.cells[column];
        return cell.dataset.value !== undefined ? Number(cell.dataset.value) : cell.textContent;
    };
    const compare = (a, b) => {
        const left = value(a), right = value(b);
        if (left === "" || right === "") return (left === "") - (right === "");
        const order = typeof left === "number" && typeof right === "number"
            ? left - right
            : String(left).localeCompare(String(right), undefined, { numeric: true });
        return descending ? -order : order;
    };
    const body = table.tBodies[0];
    body.append(...Array.from(body.rows).sort(compare));
}

function makeSortable(table) {
    const heads = Array.from(table.tHead.rows[0].cells);
    heads.forEach((head, column) => {
        const button = make("button", { type: "button", textContent: head.textContent || "\u00a0" });
        head.replaceChildren(button);
        button.addEventListener("click", () => {
            const numbers = head.classList.contains("number");
            const was = head.getAttribute("aria-sort");
            const descending = was ? was === "ascending" : numbers; // of numbers the largest come first
            heads.forEach((other) => other.removeAttribute("aria-sort"));
            head.setAttribute("aria-sort", descending ? "descending" : "ascending");
            sortBy(table, column, descending);
        });
    });
}

// ---- filtering: words that a row must have, and a choice for each column of few different words ----

const FEWEST_ROWS = 9, MOST_ROWS = 30, MOST_CHOICES = 12, MOST_SELECTS = 5;

function choicesOf(table, column) {
    const words = new Set(Array.from(table.tBodies[0].rows, (row) => row.cells[column].textContent));
    words.delete("");
    const few = Math.min(MOST_CHOICES, table.tBodies[0].rows.length / 2);
    return words.size > 1 && words.size <= few ? Array.from(words).sort() : [];
}

function makeFilterable(section, table) {
    const rows = Array.from(table.tBodies[0].rows);
    if (rows.length < FEWEST_ROWS) return;
    const tools = make("div", { className: "tools" });
    const words = make("input", { type: "search", placeholder: "Filter the rows", ariaLabel: "Filter the rows" });
    const count = make("output");
    const selects = [];
    tools.append(words);
    Array.from(table.tHead.rows[0].cells).forEach((head, column) => {
        const choices = head.classList.contains("number") ? [] : choicesOf(table, column);
        if (!choices.length || selects.length === MOST_SELECTS) return;
        const title = head.textContent.trim() || head.dataset.key;
        const select = make("select", { ariaLabel: title });
        select.append(make("option", { value: "", textContent: title + ": all" }));
        choices.forEach((choice) => select.append(make("option", { value: choice, textContent: choice })));
        selects.push({ select, column });
        tools.append(select);
    });
    const apply = () => {
        const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
        let shown = 0;
        rows.forEach((row) => {
            const text = row.textContent.toLowerCase();
            const fits = wanted.every((word) => text.includes(word)) &&
                selects.every(({ select, column }) => !select.value || row.cells[column].textContent === select.value);
            row.hidden = !fits;
            shown += fits;
        });
        count.textContent = shown === rows.length ? `${shown} rows` : `${shown} of ${rows.length} rows`;
    };
    count.setAttribute("aria-live", "polite");
    tools.append(count);
    tools.addEventListener("input", apply);
    const scroll = section.querySelector(".scroll");
    scroll.before(tools);
    scroll.classList.toggle("long", rows.length > MOST_ROWS);
    apply();
}

// ---- tips: what stands behind a figure, for the mouse, a finger or the keyboard ----

function makeTips() {
    const tip = make("div", { id: "tip", hidden: true });
    tip.setAttribute("role", "tooltip");
    document.body.append(tip);
    const show = (event) => {
        const target = event.target.closest("[data-tip]");
        tip.hidden = !target;
        if (!target) return;
        tip.textContent = target.dataset.tip;
        const at = target.getBoundingClientRect(), size = tip.getBoundingClientRect();
        const left = Math.min(Math.max(at.left + at.width / 2 - size.width / 2, 8), innerWidth - size.width - 8);
        const above = at.top - size.height - 8;
        tip.style.left = `${Math.max(left, 8)}px`;
        tip.style.top = `${above > 4 ? above : at.bottom + 8}px`;
    };
    document.addEventListener("mouseover", show);
    document.addEventListener("click", show);
    document.addEventListener("focusin", show);
    document.addEventListener("keydown", (event) => {
        if (event.key === "Escape") tip.hidden = true;
    });
    document.addEventListener("scroll", () => { tip.hidden = true; }, { capture: true, passive: true });
    document.querySelectorAll("td[data-tip], g[data-tip]").forEach((element) => {
        element.setAttribute("tabindex", "0");
        if (element.localName === "g") {
            element.setAttribute("role", "img");
            element.setAttribute("aria-label", element.dataset.tip);
        } else {
            element.setAttribute("aria-description", element.dataset.tip);
        }
    });
}

document.querySelectorAll("section.table").forEach((section) => {
    const table = section.querySelector("table");
    makeSortable(table);
    makeFilterable(section, table);
});
makeTips();
