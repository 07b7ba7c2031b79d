"""``archspace demo``: what a network sees in images, folders of images and videos."""
