"""Notifications about a run: what there is to tell, the words, and the services that receive it.
Each thing is told once.
May use signoffs, evaluation, scheduling, tables, steplog and files.
"""
