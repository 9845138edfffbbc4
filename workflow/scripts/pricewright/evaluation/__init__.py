"""How good forecasts are: metrics, scores, acceptance, champion, back-test and leak check.
Nothing here makes forecasts of its own.
May use forecasting and below.
"""
