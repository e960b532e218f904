// The keyboard. Single keys can be switched off, for those who dictate.
export function startKeys() {
	const on = document.getElementById("keys-on");
	try {
		on.checked = localStorage.getItem("tend-keys") !== "off";
		on.addEventListener("change", () => localStorage.setItem("tend-keys", on.checked ? "on" : "off"));
	} catch { /* it lasts as long as the page */ }
	document.addEventListener("keydown", (event) => {
		if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || document.querySelector("dialog[open]")) return;
		if (event.key === "Escape") escape(event);
		else if (on.checked && !typing(event.target)) press(event);
	});
}

// The focus may still be in a dialog that has just been closed.
const typing = (element) => element.matches("input:not([type=checkbox]), select, textarea") && element.checkVisibility();

function escape(event) {
	const field = document.activeElement;
	if (field?.type === "search" && field.value) {
		field.value = "";
		field.dispatchEvent(new Event("input", { bubbles: true }));
		event.preventDefault();
		return;
	}
	if (typing(field)) field.blur();
}

function press(event) {
	const inRow = document.activeElement?.closest?.(".row"); // elsewhere arrows scroll
	const moves = { j: 1, k: -1, ...(inRow ? { ArrowDown: 1, ArrowUp: -1 } : {}) };
	if (moves[event.key] && move(moves[event.key])) event.preventDefault();
	else if (event.key === "/") focus(event, 'input[type="search"]');
	else if (event.key === "p") focus(event, "form[data-policy] :is(input, select)");
	else if (event.key === "?") document.getElementById("help").showModal();
	else if (event.key === "u") document.querySelector(".crumbs a:last-of-type")?.click();
	else if ("rst".includes(event.key)) steer(event.key);
}

function focus(event, selector) {
	const field = document.querySelector(selector);
	if (!field) return;
	event.preventDefault();
	field.focus();
	field.select?.();
}

// move goes to another row, and tells whether there are any.
function move(by) {
	const rows = [...document.querySelectorAll(".tree .row .name")];
	if (rows.length === 0) return false;
	const at = rows.indexOf(document.activeElement?.closest?.(".row")?.querySelector(".name"));
	const to = at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + by, 0), rows.length - 1);
	rows[to].focus();
	rows[to].closest(".row").scrollIntoView({ block: "nearest" });
	return true;
}

// steer presses a button of the row that has the focus, or of the service that the page is about.
function steer(key) {
	const where = document.activeElement?.closest?.(".row, .concern") ?? document.querySelector("[data-actions]");
	where?.querySelector(`button[data-key-is="${key}"]`)?.click();
}
