import com.fasterxml.jackson.databind.ObjectMapper;
import org.openapitools.client.JSON;
import org.openapitools.client.model.GaugeRead;

/** Reads a gauge from JSON into the type of the client, and writes it again. */
class Roundtrip {
  public static void main(String[] arguments) throws Exception {
    ObjectMapper mapper = JSON.getDefault().getMapper();
    System.out.println(mapper.writeValueAsString(mapper.readValue(System.in, GaugeRead.class)));
  }
}
