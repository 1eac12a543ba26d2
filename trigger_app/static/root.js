// What every address of the service begins with: empty, or the path that a proxy has it under.

export const ROOT = document.documentElement.dataset.root;
