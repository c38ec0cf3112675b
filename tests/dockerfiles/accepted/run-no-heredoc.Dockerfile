FROM scratch AS made
RUN echo '<<EOF' $((1 << 2)) <<<word x<<EOF
RUN echo ${a:-<<EOF}
FROM scratch AS check
