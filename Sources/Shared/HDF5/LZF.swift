internal import CHDF5
internal import Glibc

/// Undoes the LZF compression that h5py offers and libhdf5 lacks.
///
/// The stream is a sequence of instructions. A control byte below 32 is followed by that many plus
/// one literal bytes. Otherwise its upper three bits are a length (7 means: add the next byte) and
/// its lower five bits, with one more byte, a distance back; length plus two bytes are copied from
/// there, where the copy may overlap what it writes.
package enum LZF {
    /// Decompresses `source` into `target`.
    ///
    /// Returns the number of bytes written, or nil when the stream is damaged or does not fit.
    package static func decompress(
        _ source: UnsafeRawBufferPointer,
        into target: UnsafeMutableRawBufferPointer
    ) -> Int? {
        var input = 0
        var output = 0
        while input < source.count {
            let control = Int(source[input])
            input += 1
            if control < 32 {
                let count = control + 1
                guard input + count <= source.count, output + count <= target.count else {
                    return nil
                }
                UnsafeMutableRawBufferPointer(rebasing: target[output..<(output + count)])
                    .copyMemory(
                        from: UnsafeRawBufferPointer(rebasing: source[input..<(input + count)])
                    )
                input += count
                output += count
                continue
            }
            var length = control >> 5
            if length == 7 {
                guard input < source.count else { return nil }
                length += Int(source[input])
                input += 1
            }
            guard input < source.count else { return nil }
            let distance = (control & 31) << 8 | Int(source[input])
            input += 1
            let count = length + 2
            let start = output - distance - 1
            guard start >= 0, output + count <= target.count else { return nil }
            for offset in 0..<count { target[output + offset] = target[start + offset] }
            output += count
        }
        return output
    }
}

extension LZF {
    /// Number under which the filter is registered with The HDF Group.
    private static let filterID: Int32 = 32_000

    /// Teaches the library to read datasets compressed with LZF.
    ///
    /// Called once, on the library's thread. A plugin that was there before is left alone.
    static func register() {
        guard H5Zfilter_avail(filterID) <= 0 else { return }
        H5Eclear2(0)
        var filter = H5Z_class2_t()
        filter.version = H5Z_CLASS_T_VERS
        filter.id = filterID
        filter.encoder_present = 0
        filter.decoder_present = 1
        // The library keeps this pointer for the life of the process.
        filter.name = UnsafePointer(strdup("lzf"))
        filter.filter = undo
        H5Zregister(&filter)
    }

    /// The library's form of a filter: replaces the buffer and returns the new size, 0 on failure.
    private static let undo: H5Z_func_t = {
        flags,
        parameterCount,
        parameters,
        count,
        size,
        buffer in
        guard flags & UInt32(H5Z_FLAG_REVERSE) != 0, let size, let buffer,
            let stored = buffer.pointee
        else { return 0 }
        let source = UnsafeRawBufferPointer(start: stored, count: count)
        // The writer stores the chunk's size as third parameter; older ones may not.
        var capacity = max(size.pointee, 1024)
        if parameterCount > 2, let parameters, parameters[2] > 0 { capacity = Int(parameters[2]) }
        for _ in 0..<12 {
            guard let bytes = malloc(capacity) else { return 0 }
            let target = UnsafeMutableRawBufferPointer(start: bytes, count: capacity)
            if let written = decompress(source, into: target) {
                free(stored)
                buffer.pointee = bytes
                size.pointee = capacity
                return written
            }
            free(bytes)
            capacity *= 2
        }
        return 0
    }
}
