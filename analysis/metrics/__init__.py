"""How good a prediction is: mIoU, mean average precision."""
