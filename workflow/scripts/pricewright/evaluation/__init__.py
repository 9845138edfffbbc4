"""How good forecasts are: metrics, scores, acceptance, champion, the back-test, the leak check.
Nothing here makes a forecast of its own.
May use forecasting and below.
"""
