"""What follows a release: its daily forecasts, recorded before the outcome is known, the watch
over them, and the pages and texts that show both.
May use releases and below.
"""
