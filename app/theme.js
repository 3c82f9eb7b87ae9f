// Draws the page light or dark, as the browser prefers, and again when that changes. It runs before the page is drawn.
'use strict';

const dark = matchMedia('(prefers-color-scheme: dark)');

function draw() {
  const root = document.documentElement;
  root.dataset.bsTheme = dark.matches ? 'dark' : 'light';
  // Swagger UI has this class instead.
  root.classList.toggle('dark-mode', dark.matches);
}

dark.addEventListener('change', draw);
draw();
