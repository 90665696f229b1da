"""resnet-photo-color: the default for real photographs: a sensor's noise behind its mosaic, and JPEG, all strengths.

python scripts/recipes/resnet_photo_color.py --data DATA

A first run of 40 minutes, with white noise up to sigma 8 only and JPEG from quality 50 on, is not shipped. On such
noise of val/ it was 4.9 dB ahead of resnet-gaussian-color, but it left white noise of sigma 25 nearly as it was
(26.2 dB), and changed clean pictures too much (38.0 dB).
"""

from train_entry import other_noise, train_entry

RECIPE = other_noise(3, "bayer:0-40,0-25+gaussian:0-25+jpeg:60-100", minutes=40)

if __name__ == "__main__":
    train_entry(RECIPE)
