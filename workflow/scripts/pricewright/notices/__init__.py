"""What people are told of a run without looking: what there is to tell, in which words, and to
which services it goes, each thing once.
May use signoffs, evaluation, scheduling, tables, steplog and files.
"""
