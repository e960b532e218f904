// The goroutines of a service, when somebody wants to see them.
import { call, visible } from "./act.js";

export function startStacks() {
	document.addEventListener("click", (event) => {
		const button = event.target.closest("button[data-look]");
		if (button && button.getAttribute("aria-busy") !== "true") look(button);
	});
}

async function look(button) {
	const box = button.closest("[data-stacks]");
	const result = box.querySelector(".result"), stack = box.querySelector(".stack");
	const seconds = button.dataset.look;
	box.dataset.kept = ""; // a page that comes later leaves it alone
	button.setAttribute("aria-busy", "true");
	result.hidden = false;
	result.textContent = seconds ? `Measuring for ${seconds} s` : "Looking";
	try {
		const answer = await call("GET", box.dataset.stacks + (seconds ? `?seconds=${seconds}` : ""));
		const cpu = seconds ? `, ${((answer.cpu ?? 0) * 100).toFixed(1)} % of a processor` : "";
		const at = new Date().toLocaleTimeString([], { hour12: false });
		result.textContent = `${answer.goroutines} ${answer.goroutines === 1 ? "goroutine" : "goroutines"}${cpu}, at ${at}`;
		stack.textContent = visible(answer.stacks, true);
		stack.hidden = answer.stacks === "";
	} catch (error) {
		result.textContent = visible(error.message);
	} finally {
		button.removeAttribute("aria-busy");
	}
}
