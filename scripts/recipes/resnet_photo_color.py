"""resnet-photo-color: the default for real photographs: a sensor's noise behind its mosaic, and JPEG, all strengths.

python scripts/recipes/resnet_photo_color.py --data DATA
"""

from train_entry import other_noise, train_entry

RECIPE = other_noise(3, "bayer:0-40,0-25+gaussian:0-8+jpeg:50-100", minutes=40)

if __name__ == "__main__":
    train_entry(RECIPE)
