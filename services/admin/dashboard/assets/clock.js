// Times that go on between two pages. They are written as words.go writes them.
let ahead = 0; // of our clock, before that of the server, in milliseconds

// setClock takes the server's time from the page that has just come.
export function setClock(main) {
	const now = Number(main.dataset.now);
	if (now) ahead = Date.now() - now;
}

export function startClock() {
	setClock(document.getElementById("main"));
	setInterval(tick, 250);
}

let second = 0;

// due tells whether what was counted down to has come, so that the page is behind.
export let due = false;

function tick() {
	if (document.hidden) return;
	const now = Date.now() - ahead;
	due = false;
	for (const time of document.querySelectorAll("time[data-until]")) {
		write(time, countdown(Number(time.dataset.until) - now));
		if (Number(time.dataset.until) <= now) due = true;
	}
	if (Math.floor(now / 1000) === second) return;
	second = Math.floor(now / 1000);
	for (const time of document.querySelectorAll("time[data-since]")) write(time, span(now - Number(time.dataset.since)));
}

function write(time, text) {
	if (time.textContent !== text) time.textContent = text;
}

export function span(milliseconds) {
	const seconds = Math.floor(Math.max(milliseconds, 0) / 1000);
	const minutes = Math.floor(seconds / 60), hours = Math.floor(seconds / 3600), days = Math.floor(seconds / 86400);
	if (seconds < 60) return `${seconds} s`;
	if (minutes < 60) return `${minutes} min`;
	if (hours < 24) return `${hours} h ${String(minutes % 60).padStart(2, "0")} min`;
	if (days < 10) return `${days} d ${hours % 24} h`;
	return `${days} d`;
}

export function countdown(milliseconds) {
	if (milliseconds <= 0) return "now";
	if (milliseconds < 10000) return `in ${(milliseconds / 1000).toFixed(1)} s`;
	return `in ${span(milliseconds + 500)}`;
}
