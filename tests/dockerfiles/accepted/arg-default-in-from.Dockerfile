ARG TAG
FROM ${TAG:-scratch}
