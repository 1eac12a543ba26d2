"""The map of a task's bits as a person sees it: colours of cells, and what is told of the one pointed at."""

from __future__ import annotations

from selenium.webdriver import ActionChains

from tests.browser.page import Page
from tests.started import eventually

COLOUR = """
const place = document.querySelector("#cells");
const map = place.querySelector("canvas");
const { columns, size } = place.dataset;
if (!columns) return null;
const px = map.width / columns;
const [column, row] = [arguments[0] % columns, Math.floor(arguments[0] / columns)];
const at = (part) => Math.floor(part * px + px * 0.15);
// By a copy: the browser warns of a canvas that is read often.
const copy = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
copy.drawImage(map, at(column), at(row), 1, 1, 0, 0, 1, 1);
return [...copy.getImageData(0, 0, 1, 1).data].join(" ");
"""
CLEAR = "0 0 0 0"  # laid out, and not drawn yet
MARKED = """
const { width, height } = document.querySelector("#cells canvas + canvas");
const copy = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
copy.drawImage(document.querySelector("#cells canvas + canvas"), 0, 0);
return copy.getImageData(0, 0, width, height).data.filter((value, at) => at % 4 === 3 && value).length;
"""
PLACE = """
const { columns, size } = document.querySelector("#cells").dataset;
const middle = (part) => (part + 0.5) * size / devicePixelRatio;
return [middle(arguments[0] % columns), middle(Math.floor(arguments[0] / columns))];
"""


class BitMap:
    """The cells of an opened task."""

    def __init__(self, page: Page, task_id: str) -> None:
        self.page = page
        page.open(f"/tasks/{task_id}")
        eventually(lambda: self.colour(0) not in (None, CLEAR), what="no cell is drawn")

    def colour(self, cell: int) -> str | None:
        """Red, green, blue and opacity in the middle of a cell."""
        found: str | None = self.page.browser.execute_script(COLOUR, cell)
        return found

    def marked(self) -> int:
        """How many pixels are drawn over the cells, to mark what failed, the end and the cell pointed at."""
        return int(self.page.browser.execute_script(MARKED))

    def reading(self) -> str:
        return self.page.text("#reading")

    def steps_a_cell(self) -> int:
        return int(str(self.page.find("#cells").get_attribute("data-steps")))

    def point_at(self, cell: int) -> None:
        """Move the pointer onto a cell."""
        place = self.page.find("#cells")
        self.page.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", place)
        x, y = self.page.browser.execute_script(PLACE, cell)
        width, height = place.size["width"], place.size["height"]
        move = ActionChains(self.page.browser, duration=0)
        move.move_to_element_with_offset(place, round(x - width / 2), round(y - height / 2)).perform()
