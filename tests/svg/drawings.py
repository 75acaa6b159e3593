"""Drawings as element trees."""

from xml.etree import ElementTree as ET


def picture(markup: str) -> ET.Element:
    """Parse the SVG behind the legend."""
    return ET.fromstring(markup.rpartition("</ul>")[2])
