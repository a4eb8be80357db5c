#include "models/catalogue/devices.h"

#include <math.h>
#include <stdlib.h>
#include <strings.h>

#include "harness/base/parse.h"

/* clang-format off */
/* name, kind, f32 and half TFLOP/s, int8 TOP/s, GiB, GB/s, W, USD at launch, cores, GHz */
const struct device devices[] = {
    {"NVIDIA B200", "gpu", 62.08, 2250, 4500, 180, 7700, 1000, NAN, NAN, NAN},
    {"NVIDIA GB200", "gpu", 90, 2500, 5000, 186, 8000, 1200, NAN, NAN, NAN},
    {"NVIDIA H200 SXM", "gpu", 66.91, 989.5, 1979, 141, 4800, 700, NAN, NAN, NAN},
    {"NVIDIA H100 SXM5 80GB", "gpu", 66.91, 989.4, 1979, 80, 3350, 700, NAN, NAN, 1.665},
    {"NVIDIA H100 PCIe", "gpu", 51.22, 756, 1513, 80, 2040, 350, NAN, NAN, 1.095},
    {"NVIDIA H100 NVL", "gpu", NAN, 835.5, NAN, 94, 3938, 400, NAN, NAN, 1.08},
    {"NVIDIA H800 SXM5", "gpu", 59.3, 989, 1979, 80, 3360, 700, NAN, NAN, 1.095},
    {"NVIDIA HGX H20", "gpu", 44, 148, 296, 96, 4000, 400, NAN, NAN, NAN},
    {"NVIDIA GH200", "gpu", 66.91, 989.5, 1979, 144, 4900, 700, NAN, NAN, NAN},
    {"NVIDIA A100 SXM4 80 GB", "gpu", 19.49, 312, 624, 80, 2039, 400, NAN, NAN, 1.275},
    {"NVIDIA A100 SXM4 40 GB", "gpu", 19.49, 312, 624, 40, 1560, 400, NAN, NAN, 1.095},
    {"NVIDIA A100 PCIe 80 GB", "gpu", 19.49, 312, 624, 80, 1935, 300, NAN, NAN, NAN},
    {"NVIDIA L40", "gpu", 90.52, 181, 362, 48, 864, 300, NAN, NAN, 0.735},
    {"NVIDIA L40S", "gpu", 91.6, 362, 733, 48, 864, 350, NAN, NAN, NAN},
    {"NVIDIA L4", "gpu", 30.29, 121, 242, 24, 300.1, 72, NAN, NAN, 0.795},
    {"NVIDIA L20 PCIe", "gpu", 59.35, 119.5, 239, 48, 864, 275, NAN, 11776, 1.44},
    {"NVIDIA A40 PCIe", "gpu", 37.42, 149.7, 299.3, 48, 695.8, 300, NAN, NAN, 1.305},
    {"NVIDIA A10 PCIe", "gpu", 31.24, 125, 250, 24, 600.2, 150, 2800, NAN, 0.885},
    {"NVIDIA A10G", "gpu", 31.5, 70, 140, 24, 600.2, 150, NAN, NAN, 1.32},
    {"NVIDIA Tesla T4", "gpu", 8.141, 65.13, 130, 16, 320, 70, NAN, NAN, 0.585},
    {"NVIDIA Tesla V100 SXM2 32 GB", "gpu", 15.67, 125, 62, 32, 898, 300, 11458, 5120, 1.29},
    {"NVIDIA Tesla V100 PCIe 16 GB", "gpu", 14.13, 112, NAN, 16, 897, 250, 10664, 5120, 1.245},
    {"NVIDIA P100 PCIe 16GB", "gpu", 9.56, 19.1, NAN, 16, 732, 250, NAN, 3584, 1.19},
    {"NVIDIA Tesla P4", "gpu", 5.704, 0.08912, 22, 8, 192.3, 75, NAN, NAN, 0.886},
    {"NVIDIA P40", "gpu", 11.76, 0.1837, NAN, 24, 694.3, 250, 5699, NAN, 1.303},
    {"NVIDIA Tesla K80", "gpu", 8.126, NAN, NAN, 24, 241, 300, 5000, NAN, 0.562},
    {"NVIDIA RTX A6000", "gpu", 38.7, 154.8, 309.7, 48, 768, 300, 4649, NAN, 1.41},
    {"NVIDIA RTX A4000", "gpu", 19.17, 76.7, 153.4, 16, 448, 140, 1000, 6144, 0.735},
    {"NVIDIA RTX 6000 Ada Generation", "gpu", 91.06, 364.2, 728.5, 48, 960, 300, 6799, NAN, NAN},
    {"NVIDIA GeForce RTX 4090", "gpu", 82.6, 330, 660.6, 24, 1008, 450, 1599, NAN, 2.235},
    {"NVIDIA GeForce RTX 4080", "gpu", 48.74, 195, 390, 16, 716.8, 320, 1199, NAN, 2.205},
    {"NVIDIA GeForce RTX 3090 Ti", "gpu", 40, 160, 320, 24, 1008, 450, 1999, NAN, 1.56},
    {"NVIDIA GeForce RTX 3090", "gpu", 35.58, 142.3, 284, 24, 936, 350, 1499, NAN, 1.395},
    {"NVIDIA GeForce RTX 3080", "gpu", 29.77, 119.1, 238.2, 10, 760, 320, 699, NAN, 1.44},
    {"NVIDIA GeForce RTX 2080 Ti 11GB", "gpu", 13.45, 113.8, 227.7, 11, 616, 250, 999, NAN, 1.35},
    {"NVIDIA GeForce GTX 1080 Ti", "gpu", 11.34, 0.1772, NAN, 11, 484, 250, 699, NAN, 1.481},
    {"NVIDIA GeForce GTX 1080", "gpu", 8.873, 0.1386, NAN, 8, 320.3, 180, 599, NAN, 1.607},
    {"NVIDIA GeForce RTX 5090", "gpu", 104.8, 419.2, 838.4, 32, 1790, 575, 1999, 21760, NAN},
    {"NVIDIA GeForce RTX 5080", "gpu", 56.3, 225.2, 450.4, 16, 960, 360, 999, 10752, NAN},
    {"NVIDIA GeForce RTX 5070 Ti", "gpu", 43.9, 175.6, 351.2, 16, 896, 300, 749, 8960, NAN},
    {"NVIDIA GeForce RTX 5060 Ti 16 GB", "gpu", 23.7, 94.8, 189.6, 16, 448, 180, 429, 4608, NAN},
    {"NVIDIA GeForce RTX 4070", "gpu", 29.15, 116.6, 233.2, 12, 504.2, 200, 599, 5888, NAN},
    {"NVIDIA GeForce RTX 4070 Ti SUPER", "gpu", 44.1, 176.4, 352.8, 16, 672.3, 285, 799, 8448, NAN},
    {"NVIDIA GeForce RTX 4060 Ti 16 GB", "gpu", 22.1, 88.4, 176.8, 16, 288, 165, 499, 4352, NAN},
    {"NVIDIA GeForce RTX 4060", "gpu", 15.1, 60.4, 120.8, 8, 272, 115, 299, 3072, NAN},
    {"NVIDIA GeForce RTX 3060 12 GB", "gpu", 12.7, 50.8, 101.6, 12, 360, 170, 329, 3584, NAN},
    {"NVIDIA GeForce RTX 3070", "gpu", 20.3, 81.2, 162.4, 8, 448, 220, 499, 5888, NAN},
    {"AMD Instinct MI300X", "gpu", 163.4, 1307, 2615, 192, 5300, 750, NAN, NAN, NAN},
    {"AMD Instinct MI325X", "gpu", 163.4, 1307, 2600, 256, 6000, 1000, NAN, NAN, 2.1},
    {"AMD Instinct MI300A", "gpu", 122.6, 980.6, 1961, 128, 5300, 760, NAN, NAN, NAN},
    {"AMD Instinct MI355X", "gpu", 157.3, 2517, 5033, 288, 8000, 1400, NAN, NAN, NAN},
    {"AMD Radeon Instinct MI250X", "gpu", 47.87, 383, 383, 128, 3280, 500, NAN, NAN, 1},
    {"AMD Instinct MI210", "gpu", 22.6, 181, 181, 64, 1638, 300, NAN, NAN, NAN},
    {"AMD Instinct MI100", "gpu", 23.1, 184.6, 184.6, 32, 1228.8, 300, NAN, NAN, NAN},
    {"AMD Radeon RX 7900 XTX", "gpu", 61.42, 122.8, NAN, 24, 960, 335, 999, NAN, 1.86},
    {"AMD Radeon RX 7900 XT", "gpu", 51.5, 103, NAN, 20, 800, 300, 899, NAN, NAN},
    {"AMD Radeon RX 7800 XT", "gpu", 37.3, 74.7, NAN, 16, 624.1, 263, 499, NAN, NAN},
    {"AMD Radeon PRO W7900", "gpu", 61.3, 122.6, NAN, 48, 864, 295, 3999, NAN, NAN},
    {"AMD Radeon RX 9070 XT", "gpu", 48.7, 97.3, NAN, 16, 644.6, 304, 599, NAN, NAN},
    {"Intel Arc A770", "gpu", 19.7, 39.3, NAN, 16, 512, 225, 349, NAN, NAN},
    {"Intel Arc B580", "gpu", 13.7, 27.3, NAN, 12, 456, 190, 249, NAN, NAN},
    {"Intel Data Center GPU Max 1550", "gpu", 52.43, 52.43, NAN, 128, 3280, 600, NAN, NAN, 0.9},
    {"Intel Habana Gaudi3", "gpu", 14.3, 1678, NAN, 128, 3700, 900, NAN, NAN, NAN},
    {"Intel Habana Gaudi2", "gpu", NAN, 450, NAN, 96, 2450, 600, NAN, NAN, NAN},
    {"Google TPU v4", "gpu", NAN, 275, 275, 32, 1200, 340, NAN, NAN, NAN},
    {"Google TPU v5e", "gpu", NAN, 197, 393, 16, 819, 225, NAN, NAN, NAN},
    {"Google TPU v5p", "gpu", NAN, 459, 918, 95, 2765, 540, NAN, NAN, NAN},
    {"Google TPU v6e Trillium", "gpu", NAN, 918, 1836, 32, 1640, 380, NAN, NAN, NAN},
    {"AWS Inferentia2", "gpu", 47.5, 190, 380, 32, 820, NAN, NAN, NAN, NAN},
    {"Amazon Trainium1", "gpu", 47.5, 190, 420, 32, 820, NAN, NAN, NAN, NAN},
    {"Amazon Trainium2", "gpu", NAN, 667, NAN, 96, 2900, 500, NAN, NAN, NAN},
    {"NVIDIA GB10 (DGX Spark)", "soc", 29.7, NAN, NAN, 128, 273.2, 140, NAN, 20, NAN},
    {"NVIDIA Jetson T5000 (Thor)", "soc", NAN, NAN, NAN, 128, 273.2, 40, NAN, NAN, NAN},
    {"Apple M1", "soc", 2.6, 5.2, NAN, 16, 68, 15, NAN, 8, NAN},
    {"Apple M1 Pro", "soc", 5.3, 10.6, NAN, 32, 200, 30, NAN, 10, NAN},
    {"Apple M1 Max", "soc", 10.6, 21.2, NAN, 64, 400, 60, NAN, 10, NAN},
    {"Apple M1 Ultra", "soc", 21.25, 42.5, NAN, 128, 800, 120, NAN, 20, NAN},
    {"Apple M2", "soc", 3.6, 7.2, NAN, 24, 100, 15, NAN, 8, NAN},
    {"Apple M2 Max", "soc", 13.6, 27.2, NAN, 96, 400, 60, NAN, 12, NAN},
    {"Apple M2 Ultra", "soc", 27.2, 54.4, NAN, 192, 800, 120, NAN, 24, NAN},
    {"Apple M3", "soc", 4.1, 8.2, NAN, 24, 100, 15, NAN, 8, NAN},
    {"Apple M3 Max", "soc", 16.4, 32.8, NAN, 128, 400, 75, NAN, 16, NAN},
    {"Apple M4", "soc", 4.6, 9.2, NAN, 32, 120, 20, NAN, 10, NAN},
    {"Apple M4 Pro", "soc", 9.2, 18.4, NAN, 48, 273, 45, NAN, 14, NAN},
    {"Apple M4 Max", "soc", 18.45, 36.9, NAN, 128, 546, 75, NAN, 16, NAN},
    {"Intel Xeon Platinum 8490H", "cpu", 7.296, 233.5, 466.9, 4096, 307.2, 350, NAN, 60, 1.9},
    {"Intel Xeon Platinum 8480+", "cpu", 7.168, 229.4, 458.8, 4096, 307.2, 350, NAN, 56, 2},
    {"Intel Xeon Gold 6430", "cpu", 4.301, 137.6, 275.3, 4096, 281.6, 270, NAN, 32, 2.1},
    {"Intel Xeon w9-3495X", "cpu", 6.81, 217.9, 435.8, 4096, 307.2, 350, NAN, 56, 1.9},
    {"Intel Xeon Platinum 8380", "cpu", 5.888, NAN, 23.55, 6144, 204.8, 270, NAN, 40, 2.3},
    {"Intel Xeon Gold 6338", "cpu", 4.096, NAN, 16.38, 6144, 204.8, 205, NAN, 32, 2},
    {"Intel Xeon Silver 4314", "cpu", 2.458, NAN, 9.83, 6144, 170.7, 135, NAN, 16, 2.4},
    {"Intel Xeon Platinum 8280", "cpu", 4.838, NAN, 19.35, 1024, 140.8, 205, NAN, 28, 2.7},
    {"Intel Xeon Gold 6248R", "cpu", 4.608, NAN, 18.43, 1024, 140.8, 205, NAN, 24, 3},
    {"Intel Xeon E5-2680 v4", "cpu", 1.075, NAN, NAN, 1536, 76.8, 120, NAN, 14, 2.4},
    {"Intel Xeon E5-2650 v2", "cpu", 0.3328, NAN, NAN, 768, 59.7, 95, NAN, 8, 2.6},
    {"Intel Core i9-13900K", "cpu", 1.331, NAN, NAN, 128, 89.6, 125, NAN, 24, 3},
    {"Intel Core i7-13700K", "cpu", 1.19, NAN, NAN, 128, 89.6, 125, NAN, 16, 3.4},
    {"Intel Core i5-13600K", "cpu", 1.005, NAN, NAN, 128, 89.6, 125, NAN, 14, 3.5},
    {"Intel Core i9-12900K", "cpu", 1.126, NAN, NAN, 128, 76.8, 125, NAN, 16, 3.2},
    {"Intel Core i5-12400", "cpu", 0.48, NAN, NAN, 128, 76.8, 65, NAN, 6, 2.5},
    {"Intel Core i9-10940X", "cpu", 2.957, NAN, 11.83, 256, 94, 165, NAN, 14, 3.3},
    {"Intel Core i9-9900K", "cpu", 0.9216, NAN, NAN, 128, 41.6, 95, NAN, 8, 3.6},
    {"Intel Core i7-8700K", "cpu", 0.7104, NAN, NAN, 128, 41.6, 95, NAN, 6, 3.7},
    {"Intel Processor N100", "cpu", NAN, NAN, NAN, 16, 38.4, 6, NAN, 4, NAN},
    {"AMD EPYC 9654", "cpu", 7.373, 14.75, 29.49, 6144, 460.80, 360, 11805, 96, 2.4},
    {"AMD EPYC 9554", "cpu", 6.349, 12.7, 25.4, 6144, 460.80, 360, 9087, 64, 3.1},
    {"AMD EPYC 9754", "cpu", 9.216, 18.43, 36.86, 6144, 460.80, 360, 11900, 128, 2.25},
    {"AMD EPYC 9354", "cpu", 3.328, 6.656, 13.31, 6144, 460.80, 280, 3420, 32, 3.25},
    {"AMD EPYC 7763", "cpu", 5.018, NAN, NAN, 4096, 204.80, 280, 7890, 64, 2.45},
    {"AMD EPYC 7742", "cpu", 4.608, NAN, NAN, 4096, 204.80, 225, 6950, 64, 2.25},
    {"AMD EPYC 7543", "cpu", 2.867, NAN, NAN, 4096, 204.80, 225, 3761, 32, 2.8},
    {"AMD EPYC 7601", "cpu", 1.126, NAN, NAN, 2048, 170.60, 180, 3270, 32, 2.2},
    {"AMD Ryzen 9 7950X", "cpu", 2.304, 4.608, 9.216, 128, 83.2, 170, NAN, 16, 4.5},
    {"AMD Ryzen 5 7600", "cpu", 0.7296, 1.459, 2.918, 128, 83.2, 65, NAN, 6, 3.8},
    {"AMD Ryzen 7 7840U", "cpu", 0.8448, 1.69, 3.379, 256, 119.5, 28, NAN, 8, 3.3},
    {"AMD Ryzen 9 5950X", "cpu", 1.741, NAN, NAN, 128, 51.2, 105, NAN, 16, 3.4},
    {"AMD Ryzen 7 5800X", "cpu", 0.9728, NAN, NAN, 128, 51.2, 105, NAN, 8, 3.8},
    {"AMD Ryzen 9 3950X", "cpu", 1.792, NAN, NAN, 128, 51.2, 105, NAN, 16, 3.5},
    {"AMD Threadripper PRO 5995WX", "cpu", 5.53, NAN, NAN, 2048, 204.8, 280, NAN, 64, 2.7},
    {"Ampere Altra Max M128-30", "cpu", 6.144, 12.29, 24.58, 4096, 204.8, 183, NAN, 128, 3},
    {"Ampere Altra Q80-30", "cpu", 3.84, 7.68, 15.36, 4096, 204.8, 161, NAN, 80, 3},
    {"Ampere Altra Q64-22", "cpu", 2.253, 4.506, 9.011, 4096, 204.8, 69, NAN, 64, 2.2},
    {"Ampere Altra Q32-17", "cpu", 0.8704, 1.741, 3.482, 4096, 204.8, 40, NAN, 32, 1.7},
};
/* clang-format on */
const size_t device_count = sizeof devices / sizeof *devices;

const struct device *device_find(const char *name)
{
    for (size_t i = 0; i < device_count; i++)
        if (strcasecmp(devices[i].name, name) == 0)
            return &devices[i];
    return NULL;
}

void device_nearest(const char *name, char *out, size_t capacity)
{
    const char **names = calloc(device_count, sizeof *names);
    *out = '\0';
    for (size_t i = 0; names && i < device_count; i++)
        names[i] = devices[i].name;
    if (names)
        nearest_names(name, names, device_count, 3, out, capacity);
    free(names);
}
