"""When the workflow runs by itself: an exchange's sessions, a timer that runs after each, and what
is due when it does. It knows nothing of what a run does.
May use tables, steplog and files.
"""
