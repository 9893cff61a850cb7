/// What is wrong with the payload of one cell.
package enum CellDamage: Equatable, Sendable, CustomStringConvertible {
    /// The payload ends inside the cell.
    case truncated

    /// The byte that names the form of the genes has an unknown value.
    case unknownForm(UInt8)

    /// The cell has a gene that the screen does not have.
    case geneOutOfRange

    /// The bitmap has another number of genes than the cell has nonzeros.
    case bitmapCountMismatch(bits: Int, nonzeros: Int)

    /// Bits that only fill up a byte are not zero.
    case paddingNotZero

    /// A count is stored in four bytes although it needs fewer, or is zero.
    case countOutOfRange(UInt32)

    /// The dictionary has more values than the cell has nonzeros or than a dictionary may have.
    case dictionaryTooLarge(values: Int, allowed: Int)

    /// The values of the dictionary do not ascend strictly at this position.
    case dictionaryNotAscending(position: Int)

    /// A rank is larger than the number of values in the dictionary.
    case rankOutOfRange(rank: UInt32, values: Int)

    /// A value is zero, infinite or not a number.
    case valueNotAllowed(Double)

    /// Says what is wrong, without the place.
    package var description: String {
        switch self {
        case .truncated: "its data end too early"
        case .unknownForm(let form): "its genes have the unknown form \(form)"
        case .geneOutOfRange: "it has a gene beyond the last one"
        case .bitmapCountMismatch(let bits, let nonzeros):
            "its bitmap has \(bits) genes instead of \(nonzeros)"
        case .paddingNotZero: "its padding is not zero"
        case .dictionaryTooLarge(let values, let allowed):
            "its dictionary has \(values) values, at most \(allowed) are possible"
        case .dictionaryNotAscending(let position):
            "the values of its dictionary do not ascend at position \(position)"
        case .rankOutOfRange(let rank, let values):
            "a rank is \(rank), its dictionary has \(values) values"
        case .valueNotAllowed(let value): "it has the value \(value)"
        case .countOutOfRange(let count): "its count \(count) is stored in the wrong form"
        }
    }
}
