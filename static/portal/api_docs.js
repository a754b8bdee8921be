// Swagger UI's dark colours hang on a class of the root: it follows the portal's theme.
(function () {
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");

  function follow() {
    const theme = root.dataset.theme || (system.matches ? "dark" : "light");
    root.classList.toggle("dark-mode", theme === "dark");
  }

  document.addEventListener("themechange", follow);
  follow();
})();
