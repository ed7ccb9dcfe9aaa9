// The two loops that take the time of a step of a surrogate, for WebAssembly with SIMD. Arrays are float32, row-major.
// Build: clang --target=wasm32 -O3 -msimd128 -nostdlib -fno-builtin -Wl,--no-entry -Wl,--import-memory
//        -Wl,--strip-all -o kernels.wasm kernels.c

typedef float four __attribute__((vector_size(16), aligned(4)));

#define EXPORT(name) __attribute__((export_name(#name)))

static inline four all(float x) { return (four){x, x, x, x}; }

// c[rows, columns] (+)= a[rows, inner] b[inner, columns]; la, lb, lc are the lengths of the rows in memory.
EXPORT(multiply)
void multiply(float *c, int lc, const float *a, int la, const float *b, int lb, int rows, int columns, int inner, int add) {
  int i = 0;
  for (; i + 4 <= rows; i += 4) {
    const float *a0 = a + i * la, *a1 = a0 + la, *a2 = a1 + la, *a3 = a2 + la;
    float *c0 = c + i * lc, *c1 = c0 + lc, *c2 = c1 + lc, *c3 = c2 + lc;
    int j = 0;
    for (; j + 8 <= columns; j += 8) {
      four s00 = all(0), s01 = s00, s10 = s00, s11 = s00, s20 = s00, s21 = s00, s30 = s00, s31 = s00;
      const float *row = b + j;
      for (int k = 0; k < inner; k++, row += lb) {
        four b0 = *(const four *)row, b1 = *(const four *)(row + 4), x = all(a0[k]);
        s00 += x * b0; s01 += x * b1;
        x = all(a1[k]); s10 += x * b0; s11 += x * b1;
        x = all(a2[k]); s20 += x * b0; s21 += x * b1;
        x = all(a3[k]); s30 += x * b0; s31 += x * b1;
      }
      four *t0 = (four *)(c0 + j), *t1 = (four *)(c1 + j), *t2 = (four *)(c2 + j), *t3 = (four *)(c3 + j);
      if (add) { s00 += t0[0]; s01 += t0[1]; s10 += t1[0]; s11 += t1[1]; s20 += t2[0]; s21 += t2[1]; s30 += t3[0]; s31 += t3[1]; }
      t0[0] = s00; t0[1] = s01; t1[0] = s10; t1[1] = s11; t2[0] = s20; t2[1] = s21; t3[0] = s30; t3[1] = s31;
    }
    for (; j < columns; j++) {
      float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
      for (int k = 0; k < inner; k++) {
        float x = b[k * lb + j];
        s0 += a0[k] * x; s1 += a1[k] * x; s2 += a2[k] * x; s3 += a3[k] * x;
      }
      c0[j] = s0 + (add ? c0[j] : 0); c1[j] = s1 + (add ? c1[j] : 0);
      c2[j] = s2 + (add ? c2[j] : 0); c3[j] = s3 + (add ? c3[j] : 0);
    }
  }
  for (; i < rows; i++)
    for (int j = 0; j < columns; j++) {
      float s = add ? c[i * lc + j] : 0;
      for (int k = 0; k < inner; k++) s += a[i * la + k] * b[k * lb + j];
      c[i * lc + j] = s;
    }
}

// erf by the rational approximation of float32 that XLA and Eigen use, on [-4, 4]
static inline four erf4(four x) {
  four y = x * x;
  four p = all(-2.72614225801306e-10f);
  p = p * y + all(2.77068142495902e-08f);
  p = p * y + all(-2.10102402082508e-06f);
  p = p * y + all(-5.69250639462346e-05f);
  p = p * y + all(-7.34990630326855e-04f);
  p = p * y + all(-2.95459980854025e-03f);
  p = p * y + all(-1.60960333262415e-02f);
  four q = all(-1.45660718464996e-05f);
  q = q * y + all(-2.13374055278905e-04f);
  q = q * y + all(-1.68282697438203e-03f);
  q = q * y + all(-7.37332916720468e-03f);
  q = q * y + all(-1.42647390514189e-02f);
  return x * p / q;
}

// Replace each of n numbers x by gelu(gain x + offset), with gelu(u) = u/2 (1 + erf(u/√2)); n is a multiple of four.
EXPORT(gelu)
void gelu(float *x, int n, float gain, float offset) {
  for (int i = 0; i < n; i += 4) {
    four u = *(four *)(x + i) * all(gain) + all(offset);
    four v = u * all(0.70710678f);
    v = __builtin_wasm_min_f32x4(v, all(4));
    v = __builtin_wasm_max_f32x4(v, all(-4));
    *(four *)(x + i) = all(0.5f) * u * (all(1) + erf4(v));
  }
}
