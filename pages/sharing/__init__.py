"""Sharing a page or a chart: the form that makes a link, the list of links, and what whoever has one sees."""
