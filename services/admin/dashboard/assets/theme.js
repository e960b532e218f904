// Runs before the page is drawn, so that it is not drawn twice.
{
	const root = document.documentElement;
	root.classList.add("js");
	try {
		const theme = localStorage.getItem("tend-theme");
		if (theme === "dark" || theme === "light") root.dataset.theme = theme;
	} catch { /* no storage: the system decides */ }
}
