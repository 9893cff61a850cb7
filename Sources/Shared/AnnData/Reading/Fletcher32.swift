/// The checksum of HDF5's fletcher32 filter.
enum Fletcher32 {
    /// The checksum of `bytes`, taken as big-endian 16-bit words; an odd last byte is a high byte.
    ///
    /// Two running sums modulo 65,535, the second one of the first, as in Fletcher (1982).
    static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        var first: UInt32 = 0
        var second: UInt32 = 0
        var position = 0
        let words = bytes.count / 2
        var word = 0
        while word < words {
            // So many words can be added before the second sum could leave 32 bits.
            let end = min(words, word + 360)
            while word < end {
                first &+= UInt32(bytes[position]) &<< 8 | UInt32(bytes[position + 1])
                second &+= first
                position += 2
                word += 1
            }
            first = (first & 0xFFFF) &+ (first >> 16)
            second = (second & 0xFFFF) &+ (second >> 16)
        }
        if bytes.count % 2 == 1 {
            first &+= UInt32(bytes[position]) &<< 8
            second &+= first
            first = (first & 0xFFFF) &+ (first >> 16)
            second = (second & 0xFFFF) &+ (second >> 16)
        }
        first = (first & 0xFFFF) &+ (first >> 16)
        second = (second & 0xFFFF) &+ (second >> 16)
        return second &<< 16 | first
    }
}
