/// Sums of the logarithms that a negative binomial likelihood has for every cell.
///
/// Logarithms of products: one logarithm serves dozens of cells.
enum LogTermSums {
    /// Below this an argument's logarithm is a short series; about as many digits either way.
    private static let seriesLimit = 0x1p-7
    /// Values whose factors are multiplied before a logarithm is taken.
    private static let block = 64

    /// Σ ln(1 + scale·v + shift).
    ///
    /// - Parameters:
    ///   - values: v, at least 0; shape `[cells]`.
    ///   - scale: At least 0; a product scale·v is at most 1e30.
    ///   - shift: At least 0.
    /// - Returns: The sum.
    static func logOnePlus(
        _ values: UnsafeBufferPointer<Double>,
        scale: Double,
        shift: Double
    ) -> Double {
        var sum = 0.0
        var start = 0
        while start + block <= values.count {
            var product = SIMD8<Double>(repeating: 1)
            var largest = SIMD8<Double>(repeating: 0)
            for index in stride(from: start, to: start + block, by: 8) {
                let u = scale * FixedOrderSums.load8(values, index) + shift
                largest.replace(with: u, where: u .> largest)
                product *= 1 + u
            }
            if largest.max() < seriesLimit {
                sum += series(values, start, scale, shift)
            } else {
                for lane in 0..<8 { sum += RealFunctions.log(product[lane]) }
            }
            start += block
        }
        while start < values.count {
            sum += RealFunctions.log1p(scale * values[start] + shift)
            start += 1
        }
        return sum
    }

    /// The sum over one block of small arguments: u - u²/2 + u³/3 - ...
    private static func series(
        _ values: UnsafeBufferPointer<Double>,
        _ start: Int,
        _ scale: Double,
        _ shift: Double
    ) -> Double {
        var lanes = SIMD8<Double>(repeating: 0)
        for index in stride(from: start, to: start + block, by: 8) {
            let u = scale * FixedOrderSums.load8(values, index) + shift
            var tail = 1.0 / 6 - u * (1.0 / 7)
            tail = 1.0 / 5 - u * tail
            tail = 1.0 / 4 - u * tail
            tail = 1.0 / 3 - u * tail
            tail = 1.0 / 2 - u * tail
            lanes += u - u * u * tail
        }
        return FixedOrderSums.fold(lanes)
    }
}

/// A sum of multiples of logarithms, Σ y ln x, with few logarithms for small y.
struct LogarithmOfProduct {
    private var product = 1.0
    private var sum = 0.0

    /// Adds y ln x.
    ///
    /// - Parameters:
    ///   - multiple: y, at least 1.
    ///   - factor: x, from 1e-12 to 1.1.
    @inline(__always)
    mutating func add(multiple: UInt32, of factor: Double) {
        if multiple > 4 {
            sum += Double(multiple) * RealFunctions.log(factor)
            return
        }
        for _ in 0..<multiple { product *= factor }
        if product < 1e-200 {
            sum += RealFunctions.log(product)
            product = 1
        }
    }

    /// The sum so far.
    var value: Double { sum + RealFunctions.log(product) }
}
