"""Charts as inline SVG. The page's style sheet colours them, for light, dark and print."""

from lpt.svg.axis import Axis
from lpt.svg.bar_chart import bar_chart
from lpt.svg.chart import Chart
from lpt.svg.heat_map import HeatMap

__all__ = ["Axis", "Chart", "HeatMap", "bar_chart"]
