"""The report's pictures: Vega-Lite, one grammar for still and for interactive ones."""
