"""What comes after a release: its forecasts day by day, written down before anybody knows, the
watch over them, and how both are shown.
May use releases and below.
"""
