"""Where the face weights come from: the parts of their URLs and terms that several rows share."""

INSIGHTFACE_LICENCE = "InsightFace weights: non-commercial research only (code MIT)"
INSIGHTFACE_RELEASES = "https://github.com/deepinsight/insightface/releases/download/v0.7"
UNIFACE_RELEASES = "https://github.com/yakhyo/uniface/releases/download/weights"
OPENCV_ZOO = (
    "https://media.githubusercontent.com/media/opencv/opencv_zoo/966be4cb6eefc2a4f586ed0581bf4bbaa2533070/models",
    "https://github.com/opencv/opencv_zoo/raw/main/models",
)
