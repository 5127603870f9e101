/*
 * What a cubin says of itself: an ELF file whose machine is EM_CUDA. NVIDIA does not document it; the numbers here are
 * those that files of CUDA 12 and 13 have (the attributes' names are those that cuobjdump prints). The ABI's version is 7
 * up to CUDA 12, the architecture then the lowest byte of e_flags and bit 11 set for one with features of its own
 * (sm_90a); it is 8 from CUDA 13 on, the architecture then the second byte.
 */
#include <elf.h>

#include <cstring>

#include "sim.h"

namespace cudasim {

static constexpr unsigned char abi_until_12 = 7, abi_13 = 8;
static constexpr unsigned own_features = 0x800, entry_point = 0x10; /* in e_flags; in a symbol's st_other */
static constexpr unsigned char has_bytes = 4;                       /* an attribute's format: a size and so many bytes */
enum Attribute : unsigned char { KPARAM_INFO = 0x17, CUDA_API_VERSION = 0x37, CTA_PER_CLUSTER = 0x3d };

bool is_cubin(const char *image) { return memcmp(image, ELFMAG, SELFMAG) == 0; }

template <typename T> static T at(const char *image, size_t offset) {
    T value;
    memcpy(&value, image + offset, sizeof value);
    return value;
}

/* The attributes of a kernel. @return the CUDA version (10 major + minor) of whose interface it makes use */
static unsigned read_attributes(const char *image, const Elf64_Shdr &section, EntryInImage *entry) {
    unsigned api = 0;
    std::map<unsigned, unsigned> sizes; /* by the parameter's number: they are listed from the last to the first */
    for (size_t next = section.sh_offset, end = next + section.sh_size; next < end;) {
        unsigned char format = at<unsigned char>(image, next), name = at<unsigned char>(image, next + 1);
        size_t bytes = format == has_bytes ? at<uint16_t>(image, next + 2) : 0, value = next + 4;
        if (name == KPARAM_INFO) sizes[at<uint16_t>(image, value + 4)] = at<uint32_t>(image, value + 8) >> 18;
        if (name == CUDA_API_VERSION) api = at<uint32_t>(image, value);
        if (name == CTA_PER_CLUSTER) {
            entry->cluster =
                at<uint32_t>(image, value) * at<uint32_t>(image, value + 4) * at<uint32_t>(image, value + 8);
        }
        next = value + bytes;
    }
    for (auto &[number, size] : sizes) entry->sizes.push_back(size);
    return api;
}

/* What the driver says of a cubin: whether the device can run it, and whether the driver is new enough for it. */
Result read_cubin(const char *image, int driver_version, std::string *log, Entries *entries) {
    auto header = at<Elf64_Ehdr>(image, 0);
    unsigned char abi = header.e_ident[EI_ABIVERSION];
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != EM_CUDA || (abi != abi_until_12 && abi != abi_13)) {
        *log = "no cubin of CUDA 12 or 13";
        return INVALID_IMAGE;
    }
    if (abi == abi_13 && driver_version < 13000) {
        *log = "the cubin is of CUDA 13";
        return INVALID_IMAGE;
    }
    unsigned architecture = abi == abi_13 ? header.e_flags >> 8 & 0xff : header.e_flags & 0xff;
    unsigned device = capability(current_device());
    bool exactly = abi == abi_until_12 && (header.e_flags & own_features);
    if (architecture / 10 != device / 10 || architecture > device || (exactly && architecture != device)) {
        *log = "the cubin is for sm_" + std::to_string(architecture);
        return NO_BINARY_FOR_GPU;
    }
    std::vector<Elf64_Shdr> sections;
    for (unsigned i = 0; i < header.e_shnum; i++) {
        sections.push_back(at<Elf64_Shdr>(image, header.e_shoff + i * sizeof(Elf64_Shdr)));
    }
    const char *names = image + sections[header.e_shstrndx].sh_offset;
    for (const Elf64_Shdr &table : sections) {
        if (table.sh_type != SHT_SYMTAB) continue;
        const char *symbols = image + sections[table.sh_link].sh_offset;
        for (size_t n = 0; n < table.sh_size / sizeof(Elf64_Sym); n++) {
            auto symbol = at<Elf64_Sym>(image, table.sh_offset + n * sizeof(Elf64_Sym));
            if (ELF64_ST_TYPE(symbol.st_info) == STT_FUNC && (symbol.st_other & entry_point)) {
                (*entries)[symbols + symbol.st_name];
            }
        }
    }
    for (const Elf64_Shdr &section : sections) {
        std::string name = names + section.sh_name, prefix = ".nv.info.";
        if (name.compare(0, prefix.size(), prefix) != 0) continue;
        auto entry = entries->find(name.substr(prefix.size()));
        if (entry == entries->end()) continue;
        unsigned api = read_attributes(image, section, &entry->second);
        if ((int)api * 100 > driver_version) {
            *log = "the cubin is of CUDA " + std::to_string(api / 10);
            return INVALID_IMAGE;
        }
    }
    return SUCCESS;
}

}  // namespace cudasim
